;; Looks through all memory and every table that it can have for what somebody left there, and leaves something
;; itself: run by turns, each finds nothing.
;; expect: done
(table $t 0 funcref)
(elem declare func $handle)
(global $left (mut i32) (i32.const 0))
(func $handle (param $event i32) (result i32)
    (local $at i32)
    (if (i32.eq (memory.grow (i32.const 800)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $t (ref.null func) (i32.const 40000)) (i32.const -1)) (then unreachable))
    ;; What is below holds the event.
    (local.set $at (i32.const 262144))
    (loop $more
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 52690944))))
    (local.set $at (i32.const 0))
    (loop $more
        (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then unreachable))
        (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 40000))))
    (if (global.get $left) (then unreachable))
    (memory.fill (i32.const 262144) (i32.const 0x53) (i32.const 52428800))
    (table.fill $t (i32.const 0) (ref.func $handle) (i32.const 40000))
    (global.set $left (i32.const 1))
    (call $done (local.get $event)))
