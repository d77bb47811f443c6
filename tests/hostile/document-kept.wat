;; Keeps the documents of the event beyond its answer.
;; expect: trap borrow handles still remain
(func $handle (param $event i32) (result i32)
    (i32.const 1024))
