//! Looks names up as tests want it: preloaded into a program, it takes the place of `getaddrinfo`.
//!
//! The first label of a name below `names.test` says what the name stands for, as `{number}-{how}-{address}-{address}…`. The
//! number makes names different that stand for the same; addresses are hexadecimal, IPv4 in 8 digits and IPv6 in 32.
//!
//! | how | the name stands for |
//! |---|---|
//! | `all` | all of these addresses, in this order, each time |
//! | `turn` | the first of them the first time it is looked up, the second the second time, and so on; the last from then on |
//!
//! All other names are looked up as ever.

#![expect(
    unsafe_code,
    reason = "taking the place of a function of the C library is what this crate is for; see each"
)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::addrinfo;

/// `getaddrinfo` as the C library has it.
type GetAddrInfo = unsafe extern "C" fn(*const c_char, *const c_char, *const addrinfo, *mut *mut addrinfo) -> c_int;

/// What a name ends in that says itself what it stands for.
const OURS: &str = ".names.test";

/// As in the C library, but for the names of tests.
///
/// # Safety
/// As in the C library.
// SAFETY: The signature is that of the C library, and no other symbol of this name is linked into this library. The caller
// keeps what the original demands of callers, and gets lists that the original has made, one behind the other, as it makes
// them itself for a name with several addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    let Some(original) = original() else {
        return libc::EAI_FAIL;
    };
    // SAFETY: The caller passes null or a text that ends in a zero byte.
    let name = (!node.is_null())
        .then(|| unsafe { CStr::from_ptr(node) })
        .and_then(|name| name.to_str().ok());
    let Some(name) = name.and_then(|name| name.strip_suffix(OURS)) else {
        // SAFETY: The caller's own arguments, as they are.
        return unsafe { original(node, service, hints, found) };
    };
    let mut first = ptr::null_mut();
    // In reverse, so that each list is put before those that are there.
    for address in answer(name).into_iter().rev() {
        let Ok(text) = CString::new(address.to_string()) else {
            return libc::EAI_FAIL;
        };
        let mut list = ptr::null_mut();
        // SAFETY: The caller's own arguments, but for a text of ours, which outlives the call, and a place of ours.
        let result = unsafe { original(text.as_ptr(), service, hints, &raw mut list) };
        if result != 0 {
            return result;
        }
        let mut last = list;
        // SAFETY: The list was just made, has at least one element when it was, and is nobody else's yet. The lists are freed
        // as one, element by element, as the original frees its own.
        unsafe {
            while !(*last).ai_next.is_null() {
                last = (*last).ai_next;
            }
            (*last).ai_next = first;
        }
        first = list;
    }
    if first.is_null() {
        return libc::EAI_NONAME;
    }
    // SAFETY: The caller passes a place for the list.
    unsafe { *found = first };
    0
}

fn original() -> Option<GetAddrInfo> {
    static ORIGINAL: OnceLock<Option<GetAddrInfo>> = OnceLock::new();
    *ORIGINAL.get_or_init(|| {
        // SAFETY: The name is a text that ends in a zero byte.
        let symbol = unsafe { libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr()) };
        // SAFETY: What the C library has under this name is a function of this type.
        (!symbol.is_null()).then(|| unsafe { std::mem::transmute::<*mut libc::c_void, GetAddrInfo>(symbol) })
    })
}

/// What a name stands for now. Nothing, if it is not written as above.
fn answer(name: &str) -> Vec<IpAddr> {
    static ASKED: OnceLock<Mutex<HashMap<String, usize>>> = OnceLock::new();
    let label = name.split('.').next().unwrap_or_default();
    let mut parts = label.split('-').skip(1);
    let how = parts.next();
    let Some(addresses) = parts.map(address).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    match how {
        Some("all") => addresses,
        Some("turn") => {
            let asked = ASKED.get_or_init(Mutex::default);
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = asked.entry(name.to_owned()).or_default();
            let now = addresses.get(*turn).or(addresses.last()).copied();
            *turn += 1;
            now.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn address(digits: &str) -> Option<IpAddr> {
    match digits.len() {
        8 => Some(Ipv4Addr::from_bits(u32::from_str_radix(digits, 16).ok()?).into()),
        32 => Some(Ipv6Addr::from_bits(u128::from_str_radix(digits, 16).ok()?).into()),
        _ => None,
    }
}
