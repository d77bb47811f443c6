//! What a component exports: found, and its types checked, before any instance is made.

use std::fmt;
use std::marker::PhantomData;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre};
use wasmtime::error::Context;

use super::ask::{Call, Check, Find, Handle, ListSubscribers, ReadUsage, Receive};
use super::state::CallState;

/// The version of the interfaces. A component that was built for a later patch of it fits, too.
const VERSION: &str = "0.1.0";

/// An interface that a component may export besides its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// How pending orders get finished.
    Completion,
    /// Finding out whether an event of unknown outcome happened.
    Reconcile,
    /// Reporting what customers used.
    Usage,
    /// Listing what the carrier has.
    Audit,
}

impl fmt::Display for Export {
    /// As in `wit/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completion => "completion",
            Self::Reconcile => "reconcile",
            Self::Usage => "usage",
            Self::Audit => "audit",
        })
    }
}

/// Every function of a component that this gateway calls.
pub struct Exports {
    pub(super) handle: Function<Handle>,
    pub(super) completion: Option<Completion>,
    pub(super) find: Option<Function<Find>>,
    pub(super) read: Option<Function<ReadUsage>>,
    pub(super) list: Option<Function<ListSubscribers>>,
}

pub(super) struct Completion {
    pub(super) check: Function<Check>,
    pub(super) receive: Function<Receive>,
}

impl Completion {
    fn find(completion: &Interface<'_>) -> wasmtime::Result<Self> {
        Ok(Self {
            check: completion.function("check")?,
            receive: completion.function("receive")?,
        })
    }
}

impl Exports {
    /// Fails when an interface is there and a function of it is missing or has other types.
    pub(super) fn find(component: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        let interface = |name: &str| Interface::find(component, name);
        let handler =
            interface("handler").ok_or_else(|| wasmtime::format_err!("the interface handler is not exported"))?;
        Ok(Self {
            handle: handler.function("handle")?,
            completion: interface("completion").as_ref().map(Completion::find).transpose()?,
            find: interface("reconcile")
                .map(|reconcile| reconcile.function("find"))
                .transpose()?,
            read: interface("usage").map(|usage| usage.function("read")).transpose()?,
            list: interface("audit")
                .map(|audit| audit.function("list-subscribers"))
                .transpose()?,
        })
    }

    pub(super) fn has(&self, export: Export) -> bool {
        match export {
            Export::Completion => self.completion.is_some(),
            Export::Reconcile => self.find.is_some(),
            Export::Usage => self.read.is_some(),
            Export::Audit => self.list.is_some(),
        }
    }
}

/// An interface that a component exports.
struct Interface<'c> {
    component: &'c InstancePre<CallState>,
    name: String,
    index: ComponentExportIndex,
}

impl<'c> Interface<'c> {
    fn find(component: &'c InstancePre<CallState>, name: &str) -> Option<Self> {
        let name = format!("patchbay:module/{name}@{VERSION}");
        let index = component.component().get_export_index(None, name.as_str())?;
        Some(Self { component, name, index })
    }

    fn function<A: Call>(&self, name: &str) -> wasmtime::Result<Function<A>> {
        let found = self.component.component().get_export(Some(&self.index), name);
        let Some((ComponentItem::ComponentFunc(function), index)) = found else {
            wasmtime::bail!("{} has no function {name}", self.name);
        };
        // The same check that a call makes. It needs no instance, only the types that the linker has filled in.
        function
            .typecheck::<A::Params, (A::Raw,)>(&self.component.instance_type())
            .with_context(|| format!("the function {name} of {} has other types", self.name))?;
        Ok(Function {
            index,
            asked: PhantomData,
        })
    }
}

/// The exported function that a question is put to.
pub struct Function<A> {
    index: ComponentExportIndex,
    asked: PhantomData<fn(A)>,
}

// For any question, also one that cannot be cloned itself.
impl<A> Clone for Function<A> {
    fn clone(&self) -> Self {
        Self {
            index: self.index,
            asked: PhantomData,
        }
    }
}

impl<A: Call> Function<A> {
    pub(super) async fn call(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
        params: A::Params,
    ) -> wasmtime::Result<A::Raw> {
        let function = instance.get_typed_func::<A::Params, (A::Raw,)>(&mut *store, self.index)?;
        let (raw,) = function.call_async(store, params).await?;
        Ok(raw)
    }
}
