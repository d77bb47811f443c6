;; Grows one table as far as any may grow: below its limit.
;; expect: trap unreachable
(table $a 0 funcref)
(func $handle (param $event i32) (result i32)
    (loop $more (br_if $more (i32.ne (table.grow $a (ref.null func) (i32.const 100)) (i32.const -1))))
    unreachable)
