;; Has data of its own, and looks through the rest of its memory, and all of its table, for what somebody left there. It
;; leaves something itself, in the place of its data as well: run by turns with others, each finds its own and no more.
;; expect: done
(memory 6)
(data (i32.const 327680) "its own!")
(table $t 3 funcref)
(elem (i32.const 1) func $handle)
(func $handle (param $event i32) (result i32)
    (local $at i32)
    (if (i32.eq (memory.grow (i32.const 600)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $t (ref.null func) (i32.const 20000)) (i32.const -1)) (then unreachable))
    ;; What is below holds the event.
    (local.set $at (i32.const 262144))
    (loop $more
        (if (i32.ne (local.get $at) (i32.const 327680))
            (then (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable)))
            ;; The letters of `its own!`, the last one first.
            (else (if (i64.ne (i64.load (local.get $at)) (i64.const 0x216e776f20737469)) (then unreachable))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 39714816))))
    (local.set $at (i32.const 0))
    (loop $more
        (if (i32.ne (i32.eq (local.get $at) (i32.const 1)) (i32.eqz (ref.is_null (table.get $t (local.get $at)))))
            (then unreachable))
        (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 20003))))
    (memory.fill (i32.const 262144) (i32.const 0x54) (i32.const 39452672))
    (table.fill $t (i32.const 0) (ref.func $handle) (i32.const 20003))
    (call $done (local.get $event)))
