use crate::bindings::patchbay::module::orders as wit;

/// Whether a line is in service: as an Order/Status event asks for, or as the carrier has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceStatus {
    /// It is.
    Active,
    /// It is not, and is to come back.
    Suspended,
    /// It is not, for want of payment.
    NonPay,
    /// None of the above, in TeleCloud's or the carrier's words.
    Other(String),
}

impl From<ServiceStatus> for wit::ServiceStatus {
    fn from(status: ServiceStatus) -> Self {
        match status {
            ServiceStatus::Active => Self::Active,
            ServiceStatus::Suspended => Self::Suspended,
            ServiceStatus::NonPay => Self::NonPay,
            ServiceStatus::Other(status) => Self::Other(status),
        }
    }
}

impl From<&wit::ServiceStatus> for ServiceStatus {
    fn from(status: &wit::ServiceStatus) -> Self {
        match status {
            wit::ServiceStatus::Active => Self::Active,
            wit::ServiceStatus::Suspended => Self::Suspended,
            wit::ServiceStatus::NonPay => Self::NonPay,
            wit::ServiceStatus::Other(status) => Self::Other(status.clone()),
        }
    }
}
