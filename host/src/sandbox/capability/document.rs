//! Pulling from the documents that came with the event.

use wasmtime::component::Resource;

use crate::sandbox::bindings::orders::{Host, HostDocument};
use crate::sandbox::state::{CallState, PostedDocument};

impl Host for CallState {}

impl HostDocument for CallState {
    fn get(&mut self, document: Resource<PostedDocument>, path: String) -> wasmtime::Result<Option<String>> {
        self.handed.note(path.len());
        Ok(self.table.get(&document)?.0.document.text(&path).map(str::to_owned))
    }

    fn json(&mut self, document: Resource<PostedDocument>, path: String) -> wasmtime::Result<Option<String>> {
        self.handed.note(path.len());
        Ok(self.table.get(&document)?.0.document.at(&path).map(ToString::to_string))
    }

    fn drop(&mut self, document: Resource<PostedDocument>) -> wasmtime::Result<()> {
        self.table.delete(document)?;
        Ok(())
    }
}
