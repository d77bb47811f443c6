;; Makes an integer of what is no number.
;; expect: trap invalid conversion to integer
(func $handle (param $event i32) (result i32)
    (i32.trunc_f64_s (f64.const nan)))
