//! What to do where a model does not go to another program, or come back.

use elbo::exchange::ExchangeError;

pub(super) fn hint(error: &ExchangeError) -> Option<String> {
    let hint = match error {
        ExchangeError::Storage(error) => return super::of_storage(error),
        ExchangeError::Occupied { .. } => "choose another --out, or empty it",
        ExchangeError::TooLarge { .. } => "export it with --format pytorch, keras or npz",
        ExchangeError::Range { .. } => "with --raw images have numbers from 0 to 1",
        ExchangeError::Foreign { .. } => {
            "give a directory that elbo export wrote; weights of other networks are not read"
        }
        ExchangeError::Malformed { .. } => "the file is damaged; copy it again or export again",
        ExchangeError::Newer { .. } => "update elbo to read it",
        ExchangeError::Apart { .. } => "take both files from one export",
        ExchangeError::Tensor { .. } | ExchangeError::Unknown { .. } => {
            "weights come back only with the names and shapes that export gave them"
        }
        ExchangeError::NotFinite { .. } => "the training elsewhere diverged; take weights from before that",
        _ => return None,
    };
    Some(hint.to_owned())
}
