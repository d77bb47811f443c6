use super::*;

fn var(index: u8, value: &str) -> orders::Var {
    orders::Var {
        index,
        value: value.to_owned(),
    }
}

fn vars(pairs: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in pairs {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

fn reading(total: &str) -> usage::Reading {
    usage::Reading {
        order_number: "4617ZU4617".to_owned(),
        kind: usage::Kind::Recurring,
        component_id: "C-7".to_owned(),
        total: total.to_owned(),
        vars: vec![var(11, "3.5")],
    }
}

fn subscriber(id: &str) -> audit::Subscriber {
    audit::Subscriber {
        id: id.to_owned(),
        mdn: Some("2025550143".to_owned()),
        iccid: None,
        status: Some(orders::ServiceStatus::NonPay),
        carrier_product_id: None,
    }
}

fn waiting(state: &str) -> completion::Progress {
    completion::Progress::Waiting(completion::Waiting {
        vars: vec![],
        state: state.to_owned(),
        check_after: None,
    })
}

#[test]
fn how_an_order_gets_on_comes_through_whole() {
    let rejection = completion::Rejection {
        text: "Carrier Error: no".to_owned(),
        vars: vec![var(15, "REJECTED")],
    };
    let asked_again = completion::Waiting {
        vars: vec![var(15, "SUBMITTED")],
        state: "A-1".to_owned(),
        check_after: Some(300),
    };
    for (said, understood) in [
        (
            completion::Progress::Waiting(asked_again),
            Progress::Waiting {
                vars: vars(&[(15, "SUBMITTED")]),
                state: "A-1".to_owned(),
                check_after: Some(300),
            },
        ),
        (
            completion::Progress::Completed(vec![var(3, "2025550177")]),
            Progress::Completed(vars(&[(3, "2025550177")])),
        ),
        (
            completion::Progress::Rejected(rejection),
            Progress::Rejected {
                text: "Carrier Error: no".to_owned(),
                vars: vars(&[(15, "REJECTED")]),
            },
        ),
    ] {
        assert_eq!(checked(Ok(said)), Ok(Ok(understood)));
    }
}

#[test]
fn what_the_carrier_has_comes_through_whole() {
    let page = usage::Page {
        readings: vec![reading("1.50")],
        next: Some("2".to_owned()),
    };
    let page = read(Ok(page)).expect("sound").expect("a page");
    assert_eq!(page.next.as_deref(), Some("2"));
    assert_eq!(page.readings[0].total.to_string(), "1.5");
    assert_eq!(page.readings[0].kind, UsageKind::Recurring);
    assert_eq!(page.readings[0].vars, vars(&[(11, "3.5")]));

    let page = audit::Page {
        subscribers: vec![subscriber("S-1")],
        next: None,
    };
    let page = listed(Ok(page)).expect("sound").expect("a page");
    let expected = Subscriber {
        id: "S-1".to_owned(),
        mdn: Some("2025550143".to_owned()),
        iccid: None,
        status: Some(ServiceStatus::NonPay),
        carrier_product_id: None,
    };
    assert_eq!((page.subscribers, page.next), (vec![expected], None));
}

#[test]
fn a_var_that_cannot_be_spoils_the_whole_word() {
    let long = "é".repeat(VAR_CHARACTERS_MAX + 1);
    for (bad, why) in [
        (var(0, "x"), "VAR0 is not one of VAR1 to VAR20".to_owned()),
        (var(21, "x"), "VAR21 is not one of VAR1 to VAR20".to_owned()),
        (
            var(3, &long),
            format!("VAR3 is longer than {VAR_CHARACTERS_MAX} characters"),
        ),
    ] {
        let list = || vec![var(1, "good"), bad.clone()];
        assert_eq!(handled(Ok(orders::Answer::Done(list()))), Err(why.clone()));
        let completed = || completion::Progress::Completed(list());
        assert_eq!(checked(Ok(completed())), Err(why.clone()));
        let notice = completion::Notice {
            state: String::new(),
            progress: completed(),
        };
        assert_eq!(received(Ok(vec![notice])), Err(why.clone()));
        let happened = reconcile::Finding::Happened(orders::Answer::Done(list()));
        assert_eq!(found(Ok(happened)), Err(why.clone()));
        let page = usage::Page {
            readings: vec![usage::Reading {
                vars: list(),
                ..reading("1")
            }],
            next: None,
        };
        assert_eq!(read(Ok(page)), Err(why));
    }
    let longest = long[..long.len() - 'é'.len_utf8()].to_owned();
    assert!(checked(Ok(completion::Progress::Completed(vec![var(3, &longest)]))).is_ok());
}

#[test]
fn what_is_kept_for_the_module_has_a_size() {
    assert!(checked(Ok(waiting(&"x".repeat(4096)))).is_ok());
    let why = "it has 4097 bytes of state, and at most 4096 are taken";
    let long = "x".repeat(4097);
    assert_eq!(checked(Ok(waiting(&long))), Err(why.to_owned()));
    let pending = orders::Answer::Pending(orders::Pending {
        vars: vec![],
        state: long.clone(),
        check_after: None,
    });
    assert_eq!(handled(Ok(pending)), Err(why.to_owned()));
    let notice = completion::Notice {
        state: long.clone(),
        progress: waiting(""),
    };
    assert_eq!(received(Ok(vec![notice])), Err(why.to_owned()));
    let page = audit::Page {
        subscribers: vec![],
        next: Some(long),
    };
    let why = "it has 4097 bytes of cursor, and at most 4096 are taken";
    assert_eq!(listed(Ok(page)), Err(why.to_owned()));
}

#[test]
fn lists_have_a_length() {
    let notice = || completion::Notice {
        state: String::new(),
        progress: waiting(""),
    };
    assert!(received(Ok(vec![notice(); 1000])).is_ok());
    assert_eq!(
        received(Ok(vec![notice(); 1001])),
        Err("it has 1001 notices, and at most 1000 are taken".to_owned())
    );
    let page = |count| usage::Page {
        readings: vec![reading("1"); count],
        next: None,
    };
    assert!(read(Ok(page(10_000))).is_ok());
    assert_eq!(
        read(Ok(page(10_001))),
        Err("it has 10001 readings, and at most 10000 are taken".to_owned())
    );
    let page = audit::Page {
        subscribers: vec![subscriber("S-1"); 10_001],
        next: None,
    };
    assert_eq!(
        listed(Ok(page)),
        Err("it has 10001 subscribers, and at most 10000 are taken".to_owned())
    );
}

#[test]
fn a_total_that_is_no_number_and_an_id_that_is_none_are_refused() {
    let page = |reading| usage::Page {
        readings: vec![reading],
        next: None,
    };
    let why = read(Ok(page(reading("1 GB")))).expect_err("no number");
    assert!(why.starts_with("the total \"1 GB\" is not a decimal number"), "{why}");
    let long = "x".repeat(257);
    let named = usage::Reading {
        component_id: long.clone(),
        ..reading("1")
    };
    assert_eq!(
        read(Ok(page(named))),
        Err("a component id is longer than 256 characters".to_owned())
    );
    let page = audit::Page {
        subscribers: vec![subscriber(&long)],
        next: None,
    };
    assert_eq!(
        listed(Ok(page)),
        Err("a subscriber's id is longer than 256 characters".to_owned())
    );
}

#[test]
fn a_text_for_people_is_cut_and_never_refused() {
    let long = "é".repeat(5000);
    let cut = format!("{}…", "é".repeat(4096));
    assert_eq!(found(Err(long.clone())), Ok(Err(cut.clone())));
    assert_eq!(
        handled(Err(orders::Failure::Rejected(long.clone()))),
        Ok(Err(Failure::Rejected(cut.clone())))
    );
    let rejection = completion::Rejection {
        text: long,
        vars: vec![],
    };
    let Ok(Ok(Progress::Rejected { text, .. })) = checked(Ok(completion::Progress::Rejected(rejection))) else {
        panic!("it is a rejection")
    };
    assert_eq!(text, cut);
}
