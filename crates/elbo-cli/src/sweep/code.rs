//! By which exit code the process of a trial says why it failed.

use elbo::sweep::Cause;

/// The code of each cause. Those of the machine are none that an argument, a panic or a signal leads to.
const CODES: [(Cause, u8); 4] = [(Cause::Settings, 1), (Cause::Machine, 75), (Cause::InUse, 76), (Cause::Full, 77)];

/// The exit code for an error of a trial.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    let cause = error.downcast_ref::<elbo::Error>().map_or(Cause::Machine, Cause::of);
    CODES.iter().find(|(known, _)| *known == cause).map_or(75, |(_, code)| *code)
}

/// What an exit code says; what is none of these is of the machine.
pub(super) fn cause_of(code: i32) -> Cause {
    CODES.iter().find(|(_, known)| i32::from(*known) == code).map_or(Cause::Machine, |(cause, _)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_causes_and_all_else_is_of_the_machine() {
        for (cause, code) in CODES {
            assert_eq!(cause_of(code.into()), cause);
        }
        let refused = elbo::Recipe { epochs: 0, ..elbo::Recipe::reference() }.validate().unwrap_err();
        assert_eq!(code_of(&elbo::Error::from(refused).into()), 1);
        assert_eq!(code_of(&anyhow::anyhow!("standard output is closed")), 75);
        // Arguments that make no sense, and a panic.
        assert_eq!([2, 101].map(cause_of), [Cause::Machine; 2]);
    }
}
