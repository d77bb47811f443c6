//! What a module can be asked: one type for each function that it may export.

use std::sync::Arc;

use wasmtime::component::{ComponentNamedList, Lift, Lower, Resource};

use super::bindings::{audit, completion, orders, reconcile, usage};
use super::exports::{Export, Exports, Function};
use super::state::{CallState, PostedDocument};
use super::words;
use crate::domain::answer::{Answer, Failure};
use crate::domain::call::CallId;
use crate::domain::event::{ActionKind, Event};
use crate::domain::progress::{Callback, Finding, Notice, Progress};
use crate::domain::subscriber::SubscriberPage;
use crate::domain::usage::{Subscription, UsagePage};

/// A question to a module: one of the types below. `Word` is what the module answers, checked; its own errors are part of it.
pub trait Ask: Call {
    /// What the module's grants have to allow while it answers.
    fn action(&self) -> ActionKind;
}

/// Carries out one order event.
#[derive(Debug, Clone)]
pub struct Handle {
    /// What is asked for.
    pub event: Arc<Event>,
    /// The call that it came in, under whose id the module gets it, also when it is run again.
    pub call: CallId,
}

/// Asks how a pending order stands.
#[derive(Debug, Clone)]
pub struct Check {
    /// The event that was answered with pending, without its documents.
    pub event: Arc<Event>,
    /// The call that it came in.
    pub call: CallId,
    /// What the module wanted to have back.
    pub state: String,
}

/// Hands over a request that the carrier made to the module's callback URL.
#[derive(Debug, Clone)]
pub struct Receive {
    /// As it came.
    pub callback: Callback,
}

/// Asks whether an event of unknown outcome happened.
#[derive(Debug, Clone)]
pub struct Find {
    /// The event, without its documents.
    pub event: Arc<Event>,
    /// The call that it came in.
    pub call: CallId,
}

/// Asks what customers used.
#[derive(Debug, Clone)]
pub struct ReadUsage {
    /// Whose usage.
    pub subscriptions: Vec<Subscription>,
    /// Where to go on. `None` begins.
    pub cursor: Option<String>,
}

/// Asks what the carrier has.
#[derive(Debug, Clone)]
pub struct ListSubscribers {
    /// Where to go on. `None` begins.
    pub cursor: Option<String>,
}

/// How a question is put. It cannot be named outside of the sandbox, so there are no other questions.
pub trait Call: Send + Sized + 'static {
    /// As the function takes them.
    type Params: ComponentNamedList + Lower + Send + Sync;
    /// As the function returns it.
    type Raw: Lift + Send + Sync + 'static;
    /// As it is checked.
    type Word: Send;

    /// The function, or the interface that the component does not export.
    fn function(exports: &Exports) -> Result<&Function<Self>, Export>;
    /// What it is called with.
    fn params(self, state: &mut CallState) -> wasmtime::Result<Self::Params>;
    /// Checks what it returned; or says why that is no word.
    fn word(raw: Self::Raw) -> Result<Self::Word, String>;
}

impl Ask for Handle {
    fn action(&self) -> ActionKind {
        self.event.action.kind()
    }
}

impl Call for Handle {
    type Params = (orders::Event, Resource<PostedDocument>);
    type Raw = Result<orders::Answer, orders::Failure>;
    type Word = Result<Answer, Failure>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        Ok(&exports.handle)
    }

    fn params(self, state: &mut CallState) -> wasmtime::Result<Self::Params> {
        let event = words::event_of(&self.event, self.call);
        let document = state.table.push(PostedDocument(self.event))?;
        Ok((event, Resource::new_borrow(document.rep())))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::handled(raw)
    }
}

impl Ask for Check {
    fn action(&self) -> ActionKind {
        ActionKind::Completion
    }
}

impl Call for Check {
    type Params = (orders::Event, String);
    type Raw = Result<completion::Progress, String>;
    type Word = Result<Progress, String>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        let completion = exports.completion.as_ref();
        completion.map(|both| &both.check).ok_or(Export::Completion)
    }

    fn params(self, _: &mut CallState) -> wasmtime::Result<Self::Params> {
        Ok((words::event_of(&self.event, self.call), self.state))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::checked(raw)
    }
}

impl Ask for Receive {
    fn action(&self) -> ActionKind {
        ActionKind::Completion
    }
}

impl Call for Receive {
    type Params = (completion::Callback,);
    type Raw = Result<Vec<completion::Notice>, String>;
    type Word = Result<Vec<Notice>, String>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        let completion = exports.completion.as_ref();
        completion.map(|both| &both.receive).ok_or(Export::Completion)
    }

    fn params(self, _: &mut CallState) -> wasmtime::Result<Self::Params> {
        Ok((words::callback_of(self.callback),))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::received(raw)
    }
}

impl Ask for Find {
    fn action(&self) -> ActionKind {
        ActionKind::Reconcile
    }
}

impl Call for Find {
    type Params = (orders::Event,);
    type Raw = Result<reconcile::Finding, String>;
    type Word = Result<Finding, String>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        exports.find.as_ref().ok_or(Export::Reconcile)
    }

    fn params(self, _: &mut CallState) -> wasmtime::Result<Self::Params> {
        Ok((words::event_of(&self.event, self.call),))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::found(raw)
    }
}

impl Ask for ReadUsage {
    fn action(&self) -> ActionKind {
        ActionKind::Usage
    }
}

impl Call for ReadUsage {
    type Params = (Vec<usage::Subscription>, Option<String>);
    type Raw = Result<usage::Page, String>;
    type Word = Result<UsagePage, String>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        exports.read.as_ref().ok_or(Export::Usage)
    }

    fn params(self, _: &mut CallState) -> wasmtime::Result<Self::Params> {
        let subscriptions = self.subscriptions.into_iter().map(words::subscription_of);
        Ok((subscriptions.collect(), self.cursor))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::read(raw)
    }
}

impl Ask for ListSubscribers {
    fn action(&self) -> ActionKind {
        ActionKind::Audit
    }
}

impl Call for ListSubscribers {
    type Params = (Option<String>,);
    type Raw = Result<audit::Page, String>;
    type Word = Result<SubscriberPage, String>;

    fn function(exports: &Exports) -> Result<&Function<Self>, Export> {
        exports.list.as_ref().ok_or(Export::Audit)
    }

    fn params(self, _: &mut CallState) -> wasmtime::Result<Self::Params> {
        Ok((self.cursor,))
    }

    fn word(raw: Self::Raw) -> Result<Self::Word, String> {
        words::listed(raw)
    }
}
