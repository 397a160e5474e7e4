//! The answers in plain words.

use crate::eval::study::Finding;

/// One paragraph per hypothesis: the claim, the answer, the numbers. Ends in a newline unless empty.
#[must_use]
pub fn verdicts(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text += &format!(
            "{:<12}  {}: {}\n              {}\n",
            finding.answer.to_string().to_uppercase(),
            finding.name,
            finding.claim,
            finding.numbers()
        );
    }
    text
}
