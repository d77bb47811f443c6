//! The interfaces of `wit/` as they are generated, for what this crate does not wrap.

#![expect(missing_docs, reason = "generated from wit/, where every item is documented")]

wit_bindgen::generate!({
    world: "module",
    path: "../wit",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_world",
    default_bindings_module: "patchbay_module::bindings",
});
