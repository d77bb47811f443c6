//! Registration over real sockets: what is said before, what TeleCloud gets, and what is known afterwards.

mod server;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::server::{API_ID_KEY, API_KEY, Telecloud};
use super::*;
use crate::domain::name::{ModuleName, NetworkName, TenantName};
use crate::domain::network::Block;
use crate::domain::secret::Secret;
use crate::domain::telecloud::UrlTemplate;
use crate::egress;
use crate::journal::{Filter, Page};
use crate::registry::admin_token::AdminToken;
use crate::registry::fake::{FakeEngine, platform};
use crate::registry::modules::ModuleSettings;
use crate::registry::telecloud::NewTelecloud;
use crate::storage::memory::Memory;
use crate::vault::Vault;

const URL: &str = "https://gateway.example/m/acme/sim";
const MADE: &str = "<telecloud trans_id=\"1\"><module module_id=\"32\" type=\"external\"/></telecloud>";
const LINKED: &str = "<telecloud trans_id=\"2\"><productgroup product_group_id=\"75\"/></telecloud>";
const NO: &str = "<error>You may not</error>";

struct Setup {
    telecloud: Telecloud,
    registry: Arc<Registry>,
    journal: Journal,
    registrar: Arc<Registrar>,
    path: ModulePath,
}

impl Setup {
    /// Tenant `acme` with a module `sim`, and access to a TeleCloud on this machine.
    async fn new() -> Self {
        let telecloud = Telecloud::start().await;
        let (stores, vault) = (Memory::stores(), Arc::new(Vault::new(&[7; 32])));
        let given = Secret::new("an-admin-token-of-enough-letters".to_owned());
        let admin = AdminToken::establish(&*stores.documents, &vault, Some(&given), &std::env::temp_dir()).await;
        let journal = Journal::new(Arc::clone(&stores.log));
        let loaded = Registry::load(stores, vault, FakeEngine::new(), &admin.expect("a token")).await;
        let registry = Arc::new(loaded.expect("loaded").0);
        let path = ModulePath {
            tenant: TenantName::parse("acme").expect("a name"),
            module: ModuleName::parse("sim").expect("a name"),
        };
        registry
            .put_tenant(&path.tenant, String::new(), &platform())
            .await
            .expect("made");
        let settings = ModuleSettings {
            title: "SIM activation".to_owned(),
            ..ModuleSettings::default()
        };
        registry.put_module(&path, settings, &platform()).await.expect("made");
        let name = NetworkName::parse("loopback").expect("a name");
        let block = Block::parse("127.0.0.0/8").expect("a block");
        let put = registry.put_network(&name, vec![block], &platform()).await;
        put.expect("named");
        let access = NewTelecloud {
            url: UrlTemplate::parse(&telecloud.url).expect("a template"),
            api_id_key: API_ID_KEY.to_owned(),
            api_key: Secret::new(API_KEY.to_owned()),
            network: Some(name),
        };
        let by = platform();
        let put = registry.put_telecloud(&path.tenant, access, &by);
        put.await.expect("set");
        let door = Arc::new(Door::new(egress::Config {
            networks: registry.named_networks(),
            ..egress::Config::default()
        }));
        let registrar = Arc::new(Registrar::new(Arc::clone(&registry), journal.clone(), door));
        Self {
            telecloud,
            registry,
            journal,
            registrar,
            path,
        }
    }

    async fn register(&self, wish: &Wish) -> Registration {
        self.registrar
            .register(&self.path, wish, &platform())
            .await
            .expect("taken")
    }

    fn kept(&self) -> Option<String> {
        let module = self.registry.module(&self.path).expect("a module");
        module.telecloud_module_id.map(String::from)
    }
}

fn wish(more: &[(&str, Value)]) -> Wish {
    let mut fields = json!({"url": URL, "dry_run": false});
    for (name, value) in more {
        fields[*name] = value.clone();
    }
    serde_json::from_value(fields).expect("a wish")
}

fn linked() -> Wish {
    let link = json!({"id": "75", "status": "unlocked", "events": ["order", "cancel"]});
    wish(&[("product_group", link)])
}

fn states(registration: &Registration) -> Vec<(&str, StepState)> {
    let steps = registration.steps.iter();
    steps.map(|step| (step.service.as_str(), step.state)).collect()
}

fn owned<const N: usize>(fields: [(&str, &str); N]) -> BTreeMap<String, String> {
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn module_fields() -> BTreeMap<String, String> {
    owned([
        ("name", "SIM activation"),
        ("description", "A module that Patchbay hosts"),
        ("url", URL),
        ("status", "1"),
    ])
}

#[tokio::test]
async fn a_dry_run_says_every_call_and_sends_none() {
    let mut setup = Setup::new().await;
    let stated = json!({"url": URL, "product_group": {"id": "75", "status": "locked", "events": ["swap"]}});
    let wish: Wish = serde_json::from_value(stated).expect("a wish");
    let planned = setup.register(&wish).await;
    let expected = [
        ("Module/Create", StepState::Planned),
        ("ProductGroup/Edit", StepState::Planned),
    ];
    assert_eq!(states(&planned), expected);
    assert!(!planned.done);
    let said = |index: usize| -> Vec<(&str, &str)> {
        let fields = planned.steps[index].fields.iter();
        fields
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect()
    };
    assert_eq!(
        said(0)[..3],
        [("API_ID_KEY", "1234"), ("API_KEY", "***"), ("type", "external")]
    );
    assert_eq!(
        said(1)[2..],
        [
            ("product_group_id", "75"),
            ("status", "2"),
            ("moduleid_swap", "ID-OF-THE-NEW-MODULE")
        ]
    );
    assert!(planned.steps[1].url.ends_with("/xml/ProductGroup/Edit"));
    assert!(
        planned.notes.iter().any(|note| note.contains("not documented")),
        "{:?}",
        planned.notes
    );
    assert_eq!(setup.telecloud.heard(), []);
    assert_eq!(setup.kept(), None);
}

#[tokio::test]
async fn a_module_is_made_once_and_linked_by_the_id_that_it_got() {
    let mut setup = Setup::new().await;
    setup.telecloud.will_answer(&[MADE, LINKED, MADE, LINKED]);
    let first = setup.register(&linked()).await;
    let accepted = |first| [(first, StepState::Accepted), ("ProductGroup/Edit", StepState::Accepted)];
    assert_eq!(states(&first), accepted("Module/Create"));
    assert!(first.done);
    let transactions: Vec<_> = first.steps.iter().map(|step| step.transaction.as_deref()).collect();
    assert_eq!(transactions, [Some("1"), Some("2")]);
    assert_eq!(setup.kept().as_deref(), Some("32"));
    let again = setup.register(&linked()).await;
    assert_eq!(states(&again), accepted("Module/Edit"));

    let link = owned([
        ("product_group_id", "75"),
        ("status", "1"),
        ("moduleid_order", "32"),
        ("moduleid_cancel", "32"),
    ]);
    let (mut create, mut edit) = (module_fields(), module_fields());
    create.insert("type".to_owned(), "external".to_owned());
    edit.insert("module_id".to_owned(), "32".to_owned());
    let expected = [
        ("POST /xml/Module/Create".to_owned(), create),
        ("PATCH /xml/ProductGroup/Edit".to_owned(), link.clone()),
        ("PATCH /xml/Module/Edit".to_owned(), edit),
        ("PATCH /xml/ProductGroup/Edit".to_owned(), link),
    ];
    assert_eq!(setup.telecloud.heard(), expected);

    let page = Page {
        before: None,
        limit: 10,
    };
    let listed = setup.journal.list(&setup.path.tenant, &Filter::default(), page).await;
    assert_eq!(listed.expect("a log").calls.len(), 4, "each call is on record");
    for step in first.steps {
        let id = step.call.expect("a call");
        let record = setup
            .journal
            .show(&setup.path.tenant, id)
            .await
            .expect("a log")
            .expect("a record");
        assert_eq!((record.event.service, record.outcome), (step.service, Outcome::Done));
    }
}

#[tokio::test]
async fn what_follows_a_call_that_was_not_accepted_is_not_tried() {
    let mut setup = Setup::new().await;
    for (answer, state, why, outcome) in [
        (
            NO,
            StepState::Refused,
            "TeleCloud refused it: You may not",
            Outcome::Rejected,
        ),
        (
            "<telecloud/>",
            StepState::Unclear,
            "without its module_id",
            Outcome::Unknown,
        ),
    ] {
        setup.telecloud.will_answer(&[answer]);
        let ended = setup.register(&linked()).await;
        let expected = [("Module/Create", state), ("ProductGroup/Edit", StepState::NotTried)];
        assert_eq!(states(&ended), expected);
        assert!(!ended.done);
        let step = &ended.steps[0];
        assert!(
            step.detail.as_deref().is_some_and(|said| said.contains(why)),
            "{step:?}"
        );
        let record = setup.journal.show(&setup.path.tenant, step.call.expect("a call")).await;
        assert_eq!(record.expect("a log").expect("a record").outcome, outcome);
        assert_eq!(setup.telecloud.heard().len(), 1);
        assert_eq!(setup.kept(), None);
    }
}

#[tokio::test]
async fn the_modules_id_is_kept_although_the_link_is_refused() {
    let setup = Setup::new().await;
    setup.telecloud.will_answer(&[MADE, NO]);
    let ended = setup.register(&linked()).await;
    let expected = [
        ("Module/Create", StepState::Accepted),
        ("ProductGroup/Edit", StepState::Refused),
    ];
    assert_eq!(states(&ended), expected);
    assert!(!ended.done);
    assert_eq!(setup.kept().as_deref(), Some("32"));
}

#[tokio::test]
async fn an_id_that_is_given_is_used_and_a_new_module_takes_its_place_on_demand() {
    let mut setup = Setup::new().await;
    setup.telecloud.will_answer(&["<telecloud/>", MADE]);
    let given = setup
        .register(&wish(&[("module_id", json!("8")), ("name", json!(" by hand "))]))
        .await;
    assert_eq!(states(&given), [("Module/Edit", StepState::Accepted)]);
    assert_eq!(setup.kept().as_deref(), Some("8"));
    let heard = setup.telecloud.heard();
    assert_eq!(
        (&heard[0].1["module_id"], &heard[0].1["name"]),
        (&"8".to_owned(), &"by hand".to_owned())
    );

    let new = setup.register(&wish(&[("new", json!(true))])).await;
    assert_eq!(states(&new), [("Module/Create", StepState::Accepted)]);
    assert_eq!(setup.kept().as_deref(), Some("32"));
}

#[tokio::test]
async fn two_at_once_do_not_make_two_modules() {
    let mut setup = Setup::new().await;
    let (registrar, path) = (Arc::clone(&setup.registrar), setup.path.clone());
    let first = tokio::spawn(async move { registrar.register(&path, &wish(&[]), &platform()).await });
    setup.telecloud.wait().await;
    let second = setup.registrar.register(&setup.path, &wish(&[]), &platform()).await;
    assert!(matches!(second, Err(RegistrationError::UnderWay(_))), "{second:?}");
    setup.telecloud.will_answer(&[MADE, MADE]);
    assert!(first.await.expect("no panic").expect("taken").done);
    assert_eq!(
        states(&setup.register(&wish(&[])).await),
        [("Module/Edit", StepState::Accepted)]
    );
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let mut setup = Setup::new().await;
    let rows: [(&[(&str, Value)], &str); 8] = [
        (
            &[("url", json!("gateway.example/m/acme/sim"))],
            "url must be a whole URL",
        ),
        (
            &[("url", json!("https://user@gateway.example/m/acme/sim"))],
            "url must be a whole URL, such as https://gateway.example/m/acme/sim: the URL has a user",
        ),
        (
            &[("url", json!("https://gateway.example/m/acme/sim#x"))],
            "url must be at most 1024 bytes, without",
        ),
        (
            &[("url", json!("https://gateway.example/ m"))],
            "url must be a whole URL",
        ),
        (&[("name", json!(" "))], "name must be 1 to 200 characters"),
        (
            &[("description", json!("a\nb"))],
            "description must be 1 to 200 characters, without line breaks",
        ),
        (
            &[("new", json!(true)), ("module_id", json!("7"))],
            "new cannot be together with module_id",
        ),
        (
            &[("product_group", json!({"id": "75", "status": "locked", "events": []}))],
            "product_group.events must name at least one",
        ),
    ];
    for (bad, expected) in rows {
        let refused = setup
            .registrar
            .register(&setup.path, &wish(bad), &platform())
            .await
            .expect_err(expected);
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
    let notes = setup
        .register(&wish(&[
            ("url", json!("http://x.example/other")),
            ("dry_run", json!(true)),
        ]))
        .await
        .notes;
    assert!(
        notes[0].contains("does not end with /m/acme/sim") && notes[1].contains("not encrypted"),
        "{notes:?}"
    );
    setup
        .registry
        .delete_telecloud(&setup.path.tenant, &platform())
        .await
        .expect("removed");
    let refused = setup
        .registrar
        .register(&setup.path, &linked(), &platform())
        .await
        .expect_err("not set");
    assert!(matches!(
        refused,
        RegistrationError::Registry(RegistryError::NoTelecloud(_))
    ));
    assert_eq!(setup.telecloud.heard(), []);
}
