;; Looks into the documents of the event by a path that is no text.
;; expect: trap utf-8
(import "patchbay:module/orders@0.1.0" "[method]document.get" (func $document-get (param i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 4096) (i32.const 0xff80c0fe))
    (call $document-get (i32.load offset=88 (local.get $event)) (i32.const 4096) (i32.const 4) (i32.const 2048))
    unreachable)
