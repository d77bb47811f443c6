;; Uses the documents of the event after it has let go of them.
;; expect: trap unknown handle
(import "patchbay:module/orders@0.1.0" "[method]document.get" (func $document-get (param i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $document i32)
    (local.set $document (i32.load offset=88 (local.get $event)))
    (call $drop-document (local.get $document))
    (call $document-get (local.get $document) (i32.const 0) (i32.const 1) (i32.const 2048))
    unreachable)
