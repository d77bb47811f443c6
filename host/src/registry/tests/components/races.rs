//! Uploads and removals of the same bytes at the same moment.

use async_trait::async_trait;

use super::*;
use crate::storage::{Blobs, StorageError};

/// Random numbers from a seed. Which task goes on is decided by them as well.
#[derive(Clone)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn below(&self, most: usize) -> usize {
        let mut state = self.0.lock().expect("no panic");
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).expect("31 bits") % most
    }

    async fn wait(&self) {
        for _ in 0..self.below(4) {
            tokio::task::yield_now().await;
        }
    }
}

/// Lets others go on before and after everything that is done.
struct Wavering {
    blobs: Arc<dyn Blobs>,
    dice: Dice,
}

impl Wavering {
    async fn between<T>(&self, done: impl Future<Output = T>) -> T {
        self.dice.wait().await;
        let done = done.await;
        self.dice.wait().await;
        done
    }
}

#[async_trait]
impl Blobs for Wavering {
    async fn put(&self, bytes: Bytes) -> Result<Digest, StorageError> {
        self.between(self.blobs.put(bytes)).await
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError> {
        self.between(self.blobs.get(digest)).await
    }

    async fn list(&self) -> Result<Vec<Digest>, StorageError> {
        self.between(self.blobs.list()).await
    }

    async fn remove(&self, digests: &[Digest]) -> Result<(), StorageError> {
        self.between(self.blobs.remove(digests)).await
    }
}

/// The modules of three tenants.
const MODULES: [[&str; 2]; 3] = [["a/one", "a/two"], ["b/one", "b/two"], ["c/one", "c/two"]];

fn any_step(dice: &Dice, tenant: usize) -> Step {
    let module = MODULES[tenant][dice.below(2)];
    match dice.below(10) {
        0..5 => Step::Upload(module, ["good one", "good two"][dice.below(2)]),
        5 => Step::RemoveModule(module),
        6 => Step::RemoveTenant(["a", "b", "c"][tenant]),
        _ => Step::RemoveVersion(module, u32::try_from(1 + dice.below(3)).expect("small")),
    }
}

/// Three tenants, each with two who work at it, upload and remove two components.
async fn race(stores: Stores, seed: u64, steps: usize) {
    let dice = Dice(Arc::new(Mutex::new(seed)));
    let blobs = Arc::new(Wavering {
        blobs: Arc::clone(&stores.blobs),
        dice: dice.clone(),
    });
    let setup = start(Stores {
        blobs,
        ..stores.clone()
    })
    .await;
    let tasks = (0..6).map(|number| {
        let (registry, stores, dice) = (Arc::clone(&setup.registry), stores.clone(), dice.clone());
        tokio::spawn(async move {
            for _ in 0..steps {
                for module in MODULES[number % 3] {
                    // Somebody else may have removed it.
                    let _ = step(&registry, Step::Make(module)).await;
                }
                let todo = any_step(&dice, number % 3);
                if let Err(error) = step(&registry, todo).await {
                    let expected = matches!(
                        error,
                        RegistryError::NoSuchTenant(_)
                            | RegistryError::NoSuchModule(_)
                            | RegistryError::NoSuchVersion { .. }
                            | RegistryError::VersionRemoved { .. }
                    );
                    assert!(expected, "seed {seed}: {todo:?}: {error}");
                }
                dice.wait().await;
            }
            drop(stores);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    assert_eq!(kept(&stores).await, named(&setup.registry), "seed {seed}");
}

#[tokio::test]
async fn machine_code_that_is_made_stays_until_its_version_is_there_or_never_will_be() {
    let setup = with_module().await;
    setup.make("other/sim").await;
    let kept_while = async |component: &'static str, ended: bool| {
        let held = setup.engine.checking.write().await;
        let registry = Arc::clone(&setup.registry);
        let uploading = tokio::spawn(async move { step(&registry, Step::Upload("acme/sim", component)).await });
        let digest = Digest::of(component.as_bytes());
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        // Another tenant's change forgets what nobody uses.
        setup.registry.forget_unused().await;
        let meanwhile = setup.kept_code().contains(&digest);
        if ended {
            uploading.abort();
        }
        drop(held);
        let uploaded = matches!(uploading.await, Ok(Ok(())));
        setup.registry.forget_unused().await;
        (meanwhile, uploaded, setup.kept_code().contains(&digest))
    };
    assert_eq!(kept_while("good one", false).await, (true, true, true));
    assert_eq!(kept_while("core", false).await, (true, false, false), "refused");
    assert_eq!(kept_while("good two", true).await, (true, false, false), "given up");
}

#[tokio::test]
async fn a_component_is_there_for_as_long_as_a_version_names_it_whoever_uploads_and_removes_it_meanwhile() {
    for seed in 0..60 {
        race(Memory::stores(), seed, 8).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_it_is_on_a_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    race(Stores::open(folder.path()).expect("opened"), 1, 8).await;
}
