//! Random secrets, spelled in every way, through every path of a call: none of them is ever in the stored bytes.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A secret around a core of letters and digits, which no encoding changes: where the core is, the secret got through.
#[derive(Debug, Clone)]
struct Canary {
    whole: String,
    core: String,
}

/// `number` keeps the cores of one case apart.
fn canary(number: usize) -> impl Strategy<Value = Canary> {
    let around = r##"[ !"#$%&'()*+,./:;<=>?@\\^_`{|}~éß😀\n-]{0,4}"##;
    (around, "[a-zA-Z0-9]{6,10}", around).prop_map(move |(before, core, after)| {
        let core = format!("Q{number}x{core}");
        Canary {
            whole: format!("{before}{core}{after}"),
            core,
        }
    })
}

fn canaries(count: usize) -> impl Strategy<Value = Vec<Canary>> {
    (0..count).map(canary).collect::<Vec<_>>()
}

fn json_string(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a text");
    quoted[1..quoted.len() - 1].to_owned()
}

fn ascii_json_string(text: &str) -> String {
    let mut escaped = String::new();
    for character in json_string(text).replace('/', "\\/").chars() {
        let mut units = [0; 2];
        match character.is_ascii() {
            true => escaped.push(character),
            false => character
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| escaped += &format!("\\u{unit:04x}")),
        }
    }
    escaped
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn form(text: &str) -> String {
    percent(text).replace("%20", "+")
}

fn xml(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn all_percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn debug(text: &str) -> String {
    format!("{text:?}")
}

type Spell = fn(&str) -> String;

fn spelling() -> impl Strategy<Value = Spell> {
    let ways: [Spell; 9] = [
        str::to_owned,
        json_string,
        ascii_json_string,
        percent,
        form,
        xml,
        all_percent,
        debug,
        |text| percent(&json_string(text)),
    ];
    select(ways.to_vec())
}

/// A posted request with secrets in every secret field.
fn posted(secrets: &[Canary], upper: bool) -> Value {
    let name = |name: &str| {
        if upper {
            name.to_uppercase()
        } else {
            name.to_lowercase()
        }
    };
    let whole = |number: usize| secrets[number].whole.as_str();
    let mut request = json!({"SERVICE": "Order/Create", "order_number": "1001"});
    request[name("var5")] = whole(0).into();
    request[name("var6")] = whole(1).into();
    request["@attributes"] = json!({ name("var7"): whole(2) });
    request["Customer"] = json!({
        name("password"): whole(3),
        "@attributes": { name("ssn"): whole(4) },
        name("dl"): [whole(5)],
        "note": format!("{} or {}", whole(0), whole(5)),
    });
    request[name("apiauth")] = json!({"API_KEY": whole(6)});
    request
}

/// Says every secret at every place that a call has.
async fn say_everything(call: &CallLog, secrets: &[Canary], ways: &[Spell]) {
    for (number, secret) in secrets.iter().enumerate() {
        let spelled = |place: usize| ways[(number + place) % ways.len()](&secret.whole);
        let request = RecordedRequest {
            method: "POST".into(),
            url: format!(
                "https://api.carrier.example/{}?x={}",
                percent(&secret.whole),
                spelled(0)
            ),
            headers: vec![("x-one".into(), spelled(1)), ("authorization".into(), spelled(2))],
            body: format!("before {} after {}", spelled(3), spelled(4)),
            body_bytes: 0,
        };
        let index = call
            .exchange_started(Some("api"), false, &request, second(1))
            .await
            .expect("kept");
        denied(call, &request, &spelled(5)).await;
        let response = RecordedResponse {
            status: 400,
            headers: vec![("x-echo".into(), spelled(6)), ("set-cookie".into(), spelled(7))],
            body: format!(
                r#"{{"error":"bad {}","also":"{}"}}"#,
                json_string(&secret.whole),
                spelled(8)
            ),
            body_bytes: 0,
        };
        call.exchange_ended(index, 5, &ExchangeEnd::Answered { response });
        for reason in [spelled(9), spelled(10)] {
            let index = call
                .exchange_started(Some("api"), true, &super::request(), second(1))
                .await
                .expect("kept");
            let end = match number % 2 {
                0 => ExchangeEnd::NotSent { reason },
                _ => ExchangeEnd::NoAnswer { reason },
            };
            call.exchange_ended(index, 5, &end);
        }
        call.log("info", &format!("got {}", spelled(11)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_secret_is_ever_stored(
        secrets in canaries(10),
        ways in proptest::collection::vec(spelling(), 12),
        upper in any::<bool>(),
        pending in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let stores = Memory::stores();
            let own: Vec<Secret> = secrets[7..9].iter().map(|secret| Secret::new(secret.whole.clone())).collect();
            let own = Arc::new(Known::new(&own));
            let acme = tenant("acme");
            let call = Journal::new(stores.log.clone()).begin(NewCall {
                tenant: &acme,
                module: &ModuleName::parse("sim").expect("a name"),
                version: None,
                id: id_at(second(0), 7),
                about: None,
                durability: Durability::Synced,
                received: second(0),
                log_bytes: 1 << 20,
                secrets: &own,
            });
            call.event("Order/Create", &Document::new(posted(&secrets, upper)));
            say_everything(&call, &secrets[..9], &ways).await;
            // The last one is known only from the answer itself, whose VAR6 it is.
            let reply = if pending {
                let mut vars = Vars::default();
                vars.set(6, secrets[9].whole.clone()).expect("a VAR");
                vars.set(8, format!("was {}", secrets[0].whole)).expect("a VAR");
                Reply::Success { pending, vars }
            } else {
                Reply::failure(secrets[..9].iter().map(|secret| ways[0](&secret.whole)).collect::<Vec<_>>().join(" "))
            };
            let detail = if pending { &secrets[9].whole } else { &secrets[1].whole };
            call.finish(Some(&reply), Outcome::Done, Some(detail), &Usage::default()).await.expect("kept");

            let records = stores.log.call(&acme, call.id().0.0).await.expect("read");
            let stored: Vec<u8> = records.iter().flat_map(|(_, record)| record.to_vec()).collect();
            let stored = String::from_utf8(stored).expect("JSON").to_lowercase();
            for secret in &secrets {
                for core in [secret.core.to_lowercase(), all_percent(&secret.core)] {
                    let line = stored.lines().find(|line| line.contains(&core));
                    assert_eq!(line, None, "{secret:?}");
                }
            }
            // What is not secret is still there.
            assert!(stored.contains("order/create") && stored.contains("https://api.carrier.example/"));
        });
    }
}
