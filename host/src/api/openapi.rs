//! The description of the API, made from the code that serves it.
//!
//! Handlers say what is particular to them. What all routes share, the parts of their paths and how they refuse, is said
//! here, once.

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::problem::{PROBLEM_JSON, Problem};

const SECURITY: &str = "token";

/// How any route may refuse: status or `default`, name of the shared response, its meaning.
const REFUSALS: [(&str, &str, &str); 4] = [
    ("401", "Unauthorized", "No token was sent, or it is not valid"),
    (
        "403",
        "Forbidden",
        "The token may not do this; the detail names the scope that it takes",
    ),
    ("404", "NotFound", "There is no such thing, or it is another tenant's"),
    (
        "default",
        "Refused",
        "Anything else that went wrong; the detail says what to do about it",
    ),
];

/// Parts of paths: name, pattern, meaning.
const PARTS: [(&str, &str, &str); 7] = [
    ("tenant", "^[a-z0-9-]{1,63}$", "The tenant's name"),
    ("module", "^[a-z0-9-]{1,63}$", "The module's name"),
    ("network", "^[a-z0-9-]{1,63}$", "The network's name"),
    ("name", "^[A-Za-z0-9._-]{1,64}$", "The secret's name"),
    ("number", "^[0-9]{1,10}$", "The version's number"),
    ("id", "^[0-9A-Z]{26}$", "The id, as it is listed"),
    (
        "call",
        "^[0-9A-Z]{26}$",
        "The id of the call that the job follows, as it is listed",
    ),
];

/// What the description says before any route is added.
pub(super) fn base() -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .security_scheme(SECURITY, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .schema(Problem::name(), Problem::schema());
    for (_, name, description) in REFUSALS {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name())));
        let response = ResponseBuilder::new()
            .description(description)
            .content(PROBLEM_JSON, content.build());
        components = components.response(name, response.build());
    }
    let info = InfoBuilder::new()
        .title("Patchbay admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Tenants, their modules, and what happened in calls. Send a token as `Authorization: Bearer <token>`: the \
             platform admin's, or a tenant's with the scope that the route names. Errors are problem documents (RFC 9457).",
        ));
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new(SECURITY, [] as [&str; 0])]))
        .build()
}

/// Puts handlers at a path, and adds to their description what the path says.
pub(super) fn at<S>(path: &str, (schemas, handlers, methods): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let mut paths = Paths::new();
    for mut item in handlers.paths.into_values() {
        describe_parts(path, &mut item);
        for operation in operations(&mut item).into_iter().flatten() {
            complete(operation);
        }
        paths.paths.insert(path.to_owned(), item);
    }
    (schemas, paths, methods)
}

fn describe_parts(path: &str, item: &mut PathItem) {
    let parts = PARTS.iter().filter(|(name, ..)| path.contains(&format!("{{{name}}}")));
    let parameters = parts.map(|(name, pattern, description)| {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some(*pattern));
        let parameter = ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(*description))
            .schema(Some(text.build()));
        RefOr::T(parameter.build())
    });
    item.parameters = Some(parameters.collect());
}

fn operations(item: &mut PathItem) -> [Option<&mut Operation>; 4] {
    let PathItem {
        get, put, post, delete, ..
    } = item;
    [get, put, post, delete].map(Option::as_mut)
}

fn complete(operation: &mut Operation) {
    // Handlers are named by what they do; the file that they are in says to what.
    if let (Some(tag), Some(name)) = (operation.tags.iter().flatten().next(), &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}_{name}").replace('-', "_"));
    }
    for (status, name, _) in REFUSALS {
        let shared = RefOr::Ref(Ref::from_response_name(name));
        operation.responses.responses.entry(status.to_owned()).or_insert(shared);
    }
}
