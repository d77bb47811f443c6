//! The interfaces of `wit/` as they are generated, for what this crate does not wrap.
//!
//! Each interface that a module may export has a world of its own, because a component exports all of what a world does.
//! Only [`export!`](crate::export) names them, so what a module does not list leaves no trace in its component.

#![expect(missing_docs, reason = "generated from wit/, where every item is documented")]

wit_bindgen::generate!({
    world: "module",
    path: "../wit",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_world",
    default_bindings_module: "patchbay_module::bindings",
});

pub mod completion {
    wit_bindgen::generate!({
        inline: "
            package patchbay:completion;
            world completion {
                export patchbay:module/completion@0.1.0;
            }
        ",
        path: "../wit",
        with: { "patchbay:module/orders@0.1.0": crate::bindings::patchbay::module::orders },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_completion",
        default_bindings_module: "patchbay_module::bindings::completion",
    });
}

pub mod reconcile {
    wit_bindgen::generate!({
        inline: "
            package patchbay:reconcile;
            world reconcile {
                export patchbay:module/reconcile@0.1.0;
            }
        ",
        path: "../wit",
        with: { "patchbay:module/orders@0.1.0": crate::bindings::patchbay::module::orders },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_reconcile",
        default_bindings_module: "patchbay_module::bindings::reconcile",
    });
}

pub mod usage {
    wit_bindgen::generate!({
        inline: "
            package patchbay:usage;
            world usage {
                export patchbay:module/usage@0.1.0;
            }
        ",
        path: "../wit",
        with: { "patchbay:module/orders@0.1.0": crate::bindings::patchbay::module::orders },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_usage",
        default_bindings_module: "patchbay_module::bindings::usage",
    });
}

pub mod audit {
    wit_bindgen::generate!({
        inline: "
            package patchbay:audit;
            world audit {
                export patchbay:module/audit@0.1.0;
            }
        ",
        path: "../wit",
        with: { "patchbay:module/orders@0.1.0": crate::bindings::patchbay::module::orders },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_audit",
        default_bindings_module: "patchbay_module::bindings::audit",
    });
}
