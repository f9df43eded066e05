//! `elbo arithmetic`.

use crate::Outcome;
use crate::args::ArithmeticArgs;
use crate::destination::check_file;
use crate::device;
use crate::generate::{GAP, names_png};
use crate::interpolate::write;
use crate::operand::{Operand, Operands};
use crate::output::{counted, print};
use crate::terminal::Screen;
use elbo::figures::{Figure, Pixels, sheet};
use elbo::vae::sum_of_codes;
use std::path::Path;

pub(crate) fn run(arguments: &ArithmeticArgs) -> anyhow::Result<Outcome> {
    let ArithmeticArgs { run, out, .. } = arguments;
    anyhow::ensure!(names_png(out)?, "{}: choose a name that ends in .png", out.display());
    let terms = terms(&arguments.terms)?;
    check_file(out, run, terms.iter().map(|(_, term)| Path::new(*term)))?;
    let screen = Screen::open(arguments.show)?;
    let vae = device::open(run, &arguments.on)?;
    let operands = Operands::new(run, &vae, arguments.class.as_deref())?;
    let mut read: Vec<(f64, Operand, Vec<f32>)> = Vec::new();
    for (sign, term) in &terms {
        let operand = operands.all(term)?;
        let code = operand.encoded.centre();
        read.push((*sign, operand, code));
    }
    let codes: Vec<(f64, &[f32])> = read.iter().map(|(sign, _, code)| (*sign, code.as_slice())).collect();
    let sum = sum_of_codes(&codes).map_err(elbo::Error::from)?;
    let result = vae.decode(&sum, operands.class().map(|class| vec![class]).as_deref())?;
    // A directory is shown as what its mean decodes to.
    let mut images = Vec::new();
    for (_, operand, code) in &read {
        let mean = || vae.decode(code, operands.class().map(|class| vec![class]).as_deref());
        images.push(if operand.encoded.len() > 1 { mean()? } else { operand.image.clone() });
    }
    images.push(result);
    let pixels: Vec<Pixels<'_>> = images.iter().flat_map(elbo::Images::as_pixels).collect();
    let mut heads: Vec<String> = read
        .iter()
        .enumerate()
        .map(|(place, (sign, operand, _))| {
            let sign = if *sign < 0.0 { "− " } else { "+ " };
            format!("{}{}", if place == 0 { "" } else { sign }, named(operand))
        })
        .collect();
    let formula = heads.join(" ");
    heads.push("=".to_owned());
    let figure = Figure::headed(&pixels, &[], &heads, "Sums of codes").map_err(elbo::Error::from)?;
    write(out, &figure.png().map_err(elbo::Error::from)?)?;
    print(&format!("{} in {}\n", formula.replace('−', "-"), out.display()))?;
    if let Some(screen) = screen {
        screen.show(&sheet(&pixels, pixels.len(), GAP).map_err(elbo::Error::from)?)?;
    }
    Ok(Outcome::Done)
}

fn named(operand: &Operand) -> String {
    match operand.encoded.len() {
        1 => operand.name.clone(),
        count => format!("{} (mean of {})", operand.name, counted(count, "image")),
    }
}

/// Operands with their signs.
fn terms(words: &[String]) -> anyhow::Result<Vec<(f64, &str)>> {
    let mut terms = Vec::new();
    let mut sign = Some(1.0);
    for word in words {
        match (word.as_str(), sign) {
            ("+", None) => sign = Some(1.0),
            ("-", None) => sign = Some(-1.0),
            (word @ ("+" | "-"), Some(_)) => anyhow::bail!("an operand is wanted where there is {word}"),
            (operand, Some(factor)) => {
                terms.push((factor, operand));
                sign = None;
            }
            (operand, None) => {
                anyhow::bail!("{operand}: a sign is wanted before it, + or -, with spaces around")
            }
        }
    }
    anyhow::ensure!(sign.is_none(), "an operand is wanted after the last sign");
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_between_operands() {
        let read = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            terms(&words).map(|terms| terms.iter().map(|(sign, term)| format!("{sign}{term}")).collect::<Vec<_>>())
        };
        assert_eq!(read("a - b + c").unwrap(), ["1a", "-1b", "1c"]);
        assert_eq!(read("a").unwrap(), ["1a"]);
        for wrong in ["a b", "- a", "a -", "a + - b"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
