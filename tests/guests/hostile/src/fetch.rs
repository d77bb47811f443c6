//! Going out.
//!
//! Where a request carries the secret is up to the setting `secret_in`: `header` (unless set) for
//! `authorization: Bearer …`, `query` for the parameter `token`, `body` for the member `token` of the JSON body of a POST. The setting `header` is one more header, as `name: value`.

use patchbay_module::http;
use patchbay_module::{Answer, Failure, Order, Outcome, config};

pub(crate) fn fetch(order: &Order) -> Outcome {
    let mut url = config::require("url")?;
    let mut body = format!("{{\"call\":\"{}\"}}", order.call_id());
    let mut authorization = None;
    if let Some(name) = config::get("secret") {
        let secret = config::secret(&name)?;
        match config::get("secret_in").as_deref() {
            None | Some("header") => authorization = Some(format!("Bearer {secret}")),
            Some("query") => url = format!("{url}?token={}", http::encode(&secret)),
            Some("body") => body = format!("{{\"token\":\"{secret}\"}}"),
            Some(other) => return Err(Failure::rejected(format!("No such place for a secret: {other}"))),
        }
    }
    let mut request = match config::get("method").as_deref() {
        None | Some("GET") => http::get(url),
        Some("POST") => http::post(url).body("application/json", body),
        Some(other) => return Err(Failure::rejected(format!("No such method: {other}"))),
    };
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if let Some(header) = config::get("header") {
        let (name, value) = header.split_once(": ").unwrap_or((&header, ""));
        request = request.header(name, value);
    }
    let response = request.send()?;
    let body = match config::get("body_as").as_deref() {
        Some("hex") => response.body().iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => response.text().into_owned(),
    };
    Ok(Answer::done().var(1, response.status().to_string()).var(2, body))
}

pub(crate) fn fetch_all() -> Answer {
    let lists = (0..).map_while(|list: u32| config::get(&format!("urls.{list}")));
    let mut outcomes = String::new();
    for list in lists {
        outcomes.extend(list.lines().map(|url| match http::get(url).send() {
            Ok(response) => char::from_digit(u32::from(response.status() / 100), 10).unwrap_or('?'),
            Err(_) => '-',
        }));
    }
    Answer::done().var(1, outcomes)
}

pub(crate) fn two_step(order: &Order) -> Outcome {
    for key in ["url", "second_url"] {
        let body = format!("{{\"call\":\"{}\"}}", order.call_id());
        http::post(config::require(key)?)
            .body("application/json", body)
            .send()?;
    }
    Ok(Answer::done())
}

#[cfg(test)]
mod tests {
    use crate::Hostile;
    use patchbay_module::testing::{Event, Gateway, Reply, placeholder};
    use patchbay_module::{Answer, Failure};

    #[test]
    fn fetch_answers_the_status_and_the_body() {
        let run = Gateway::new()
            .config("mode", "fetch")
            .config("url", "https://carrier.test/a")
            .config("secret", "token")
            .secret("token")
            .carrier(|_| Reply::text(418, "short and stout"))
            .run::<Hostile>(Event::create());
        assert_eq!(run.outcome, Ok(Answer::done().var(1, "418").var(2, "short and stout")));
        let authorization = format!("Bearer {}", placeholder("token"));
        assert_eq!(
            run.requests[0].header_value("authorization"),
            Some(authorization.as_str())
        );
    }

    #[test]
    fn the_secret_goes_where_it_is_told_to() {
        let fetch = |secret_in| {
            Gateway::new()
                .config("mode", "fetch")
                .config("method", "POST")
                .config("url", "https://carrier.test/a")
                .config("secret", "token")
                .config("secret_in", secret_in)
                .config("body_as", "hex")
                .secret("token")
                .carrier(|_| Reply::text(200, "\u{1f}~"))
                .run::<Hostile>(Event::create())
        };
        let run = fetch("query");
        assert_eq!(run.outcome, Ok(Answer::done().var(1, "200").var(2, "1f7e")));
        let url = run.requests[0].url();
        assert!(
            url.starts_with("https://carrier.test/a?token=") && !url.contains('{'),
            "{url}"
        );
        assert_eq!(fetch("body").requests[0].body_json()["token"], placeholder("token"));
    }

    #[test]
    fn fetch_all_tries_every_url_of_every_list() {
        let run = Gateway::new()
            .config("mode", "fetch-all")
            .config("urls.0", "https://carrier.test/a\nhttps://carrier.test/gone\nno URL")
            .config("urls.1", "https://carrier.test/b")
            .config("urls.3", "https://carrier.test/beyond-the-gap")
            .carrier(|request| match request.path() {
                "/gone" => Reply::Refused,
                "/b" => Reply::status(302),
                _ => Reply::status(200),
            })
            .run::<Hostile>(Event::create());
        assert_eq!(run.outcome, Ok(Answer::done().var(1, "2--3")));
        assert_eq!(run.requests.len(), 3);
    }

    #[test]
    fn two_step_fails_as_its_second_step_does() {
        let run = Gateway::new()
            .config("url", "https://carrier.test/first")
            .config("second_url", "https://carrier.test/second")
            .carrier(|request| match request.path() {
                "/first" => Reply::status(200),
                _ => Reply::Refused,
            })
            .run::<Hostile>(Event::create().var(1, "two-step"));
        assert!(matches!(run.outcome, Err(Failure::Unreachable(_))));
        assert_eq!(run.requests.len(), 2);
    }
}
