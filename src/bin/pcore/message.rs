//! The words of messages.

/// An error with its causes, each said once.
///
/// Errors of the library are whole sentences that name their cause, since they also stand alone in result files; their
/// `source()` is for programs. So a cause is added only where no sentence before has said it.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    enum Sample {
        #[error("cannot read x: {0}; give another")]
        Whole(#[source] io::Error),
        #[error("x is not readable")]
        Bare(#[source] io::Error),
        #[error(transparent)]
        Same(#[from] io::Error),
    }

    #[test]
    fn a_cause_is_said_once_whether_its_error_says_it_or_not() {
        let disk = || io::Error::other("no such disk");
        let cases = [
            (Sample::Whole(disk()), "opening: cannot read x: no such disk; give another"),
            (Sample::Bare(disk()), "opening: x is not readable: no such disk"),
            (Sample::Same(disk()), "opening: no such disk"),
        ];
        for (error, expected) in cases {
            let result: anyhow::Result<()> = Err(error).context("opening");
            assert_eq!(error_text(&result.unwrap_err()), expected);
        }
    }
}
