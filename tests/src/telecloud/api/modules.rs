//! Modules, and the product groups that use them.

use std::collections::BTreeMap;

use super::form::{Form, Refusal, invalid};
use super::requests::Books;
use crate::telecloud::encoding::xml_text;

/// What a product group uses a module for, each with the field that says so.
const USES: [&str; 5] = [
    "moduleid_order",
    "moduleid_replenish",
    "moduleid_status",
    "moduleid_swap",
    "moduleid_cancel",
];

/// A module as it was created, and edited since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Runs at a URL of its owner's; otherwise at TeleCloud.
    pub external: bool,
    /// Its name.
    pub name: String,
    /// What it is there for.
    pub description: String,
    /// Where it runs, if it is external.
    pub url: Option<String>,
    /// Suspended if not.
    pub active: bool,
}

/// A product group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductGroup {
    /// The ids of its modules by `moduleid_order` and the like. A module that was deleted since is still named.
    pub modules: BTreeMap<String, String>,
    /// Nobody can order from it.
    pub locked: bool,
}

/// Module/Create.
pub(super) fn create(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let kind = form.required("type")?;
    let name = form.required("name")?;
    let description = form.required("description")?;
    let active = is_one_not_two("status", &form.required("status")?)?;
    let external = match kind.as_str() {
        "external" => true,
        "prebuilt" => false,
        other => return Err(invalid("type", other)),
    };
    let url = if external {
        Some(web_address(form.required("url")?)?)
    } else {
        form.required("provider")?;
        for number in 1..=4 {
            form.optional(&format!("CRED_{number}"));
        }
        None
    };
    form.finish()?;
    books.last_module_id += 1;
    let module_id = books.last_module_id.to_string();
    let answer = format!("<module module_id=\"{module_id}\" type=\"{kind}\"/>");
    let module = Module {
        external,
        name,
        description,
        url,
        active,
    };
    books.modules.insert(module_id, module);
    Ok(answer)
}

/// Module/Edit.
pub(super) fn edit(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let module_id = form.required("module_id")?;
    let name = form.required("name")?;
    let description = form.required("description")?;
    let url = web_address(form.required("url")?)?;
    let active = is_one_not_two("status", &form.required("status")?)?;
    form.finish()?;
    let module = books.modules.get_mut(&module_id).ok_or_else(|| no_module(&module_id))?;
    *module = Module {
        external: module.external,
        name,
        description,
        url: Some(url),
        active,
    };
    Ok(module_answer(&module_id))
}

/// Module/Delete.
pub(super) fn delete(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let module_id = form.required("module_id")?;
    form.finish()?;
    books.modules.remove(&module_id).ok_or_else(|| no_module(&module_id))?;
    Ok(module_answer(&module_id))
}

/// ProductGroup/Edit. What is not passed stays as it is.
pub(super) fn edit_product_group(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let product_group_id = form.required("product_group_id")?;
    let unlocked = is_one_not_two("status", &form.required("status")?)?;
    let mut uses = BTreeMap::new();
    for name in USES {
        if let Some(module_id) = form.optional(name) {
            let module = books.modules.get(&module_id);
            module.ok_or_else(|| invalid(name, &module_id))?;
            uses.insert(name.to_owned(), module_id);
        }
    }
    // These say how the group is shown and what it asks for.
    form.optional("name");
    form.optional("description");
    form.vars();
    form.finish()?;
    let group = books.product_groups.get_mut(&product_group_id);
    let group = group.ok_or_else(|| Refusal(format!("Product group not found: {product_group_id}")))?;
    group.modules.extend(uses);
    group.locked = !unlocked;
    let product_group_id = xml_text(&product_group_id);
    Ok(format!("<productgroup product_group_id=\"{product_group_id}\"/>"))
}

fn is_one_not_two(name: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "1" => Ok(true),
        "2" => Ok(false),
        other => Err(invalid(name, other)),
    }
}

/// A full URL.
fn web_address(url: String) -> Result<String, Refusal> {
    let parsed = reqwest::Url::parse(&url).ok();
    let parsed = parsed.filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
    match parsed {
        Some(_) => Ok(url),
        None => Err(invalid("url", &url)),
    }
}

fn no_module(module_id: &str) -> Refusal {
    Refusal(format!("Module not found: {module_id}"))
}

fn module_answer(module_id: &str) -> String {
    format!("<module module_id=\"{}\"/>", xml_text(module_id))
}
