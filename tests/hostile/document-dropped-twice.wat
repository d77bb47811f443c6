;; Lets go of the documents of the event twice.
;; expect: trap unknown handle
(func $handle (param $event i32) (result i32)
    (drop (call $done (local.get $event)))
    (call $done (local.get $event)))
