//! Going out.

use patchbay_module::http::{self, Request};
use patchbay_module::{Answer, Failure, Order, Outcome, config};

pub(crate) fn fetch(order: &Order) -> Outcome {
    let url = config::require("url")?;
    let mut request = match config::get("method").as_deref() {
        None | Some("GET") => http::get(url),
        Some("POST") => with_body(http::post(url), order),
        Some(other) => return Err(Failure::rejected(format!("No such method: {other}"))),
    };
    if let Some(name) = config::get("secret") {
        request = request.header("authorization", format!("Bearer {}", config::secret(&name)?));
    }
    let response = request.send()?;
    Ok(Answer::done()
        .var(1, response.status().to_string())
        .var(2, response.text()))
}

pub(crate) fn two_step(order: &Order) -> Outcome {
    for key in ["url", "second_url"] {
        with_body(http::post(config::require(key)?), order).send()?;
    }
    Ok(Answer::done())
}

fn with_body(request: Request, order: &Order) -> Request {
    request.body("application/json", format!("{{\"call\":\"{}\"}}", order.call_id()))
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
