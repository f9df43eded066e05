//! Images that an argument means: a picture, a directory of them, or the number of an image in the data of a run.

use crate::source::{parts, tested};
use elbo::dataset::Dataset;
use elbo::{Encoded, Images, Vae};
use std::cell::OnceCell;
use std::path::Path;

/// Reads what arguments mean.
pub(crate) struct Operands<'a> {
    run: &'a Path,
    vae: &'a Vae,
    /// The class as which images are encoded and decoded, of a conditional model.
    class: Option<u16>,
    /// The images of the run that a number means.
    own: OnceCell<Dataset>,
}

/// What an argument means.
pub(crate) struct Operand {
    /// What to call it.
    pub(crate) name: String,
    /// Its first image.
    pub(crate) image: Images,
    /// The latent distribution of each of its images.
    pub(crate) encoded: Encoded,
}

impl<'a> Operands<'a> {
    /// Of a model; `class` is an argument that a conditional model needs, and another refuses.
    pub(crate) fn new(run: &'a Path, vae: &'a Vae, class: Option<&str>) -> anyhow::Result<Self> {
        let class = class.map(|class| vae.class(class)).transpose()?;
        if class.is_none() && !vae.card().classes.is_empty() {
            anyhow::bail!(
                "a conditional model encodes and decodes images as of a class\nhint: give it with --class, for example --class {}",
                crate::shell::word(Path::new(&vae.card().classes[0]))
            );
        }
        Ok(Self { run, vae, class, own: OnceCell::new() })
    }

    /// The class of all images.
    pub(crate) fn class(&self) -> Option<u16> {
        self.class
    }

    /// The one image that an argument means.
    pub(crate) fn one(&self, argument: &str) -> anyhow::Result<Operand> {
        let operand = self.all(argument)?;
        let count = operand.encoded.len();
        anyhow::ensure!(
            count == 1,
            "{argument}: there are {count} images in it, and one is wanted: give a single picture"
        );
        Ok(operand)
    }

    /// All images that an argument means.
    pub(crate) fn all(&self, argument: &str) -> anyhow::Result<Operand> {
        let path = Path::new(argument);
        let number = argument.parse::<usize>().ok().filter(|_| !path.exists());
        if let Some(number) = number {
            return self.own(number);
        }
        let parts = parts(self.run, self.vae, Some(path), None, false)?;
        let mut encoded: Option<Encoded> = None;
        for part in &parts {
            let more = self.encode(&part.images)?;
            match &mut encoded {
                None => encoded = Some(more),
                Some(encoded) => {
                    encoded.means.extend(more.means);
                    encoded.logvars.extend(more.logvars);
                }
            }
        }
        let (Some(first), Some(encoded)) = (parts.first(), encoded) else {
            anyhow::bail!("{argument}: there is no image in it");
        };
        let name = path.file_name().map_or(argument.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Operand { name, image: Images::of(&first.images, &[0]).map_err(elbo::Error::from)?, encoded })
    }

    /// An image of the run by its number.
    fn own(&self, number: usize) -> anyhow::Result<Operand> {
        if self.own.get().is_none() {
            let (tested, _) = tested(self.run, self.vae, None)?;
            let _ = self.own.set(tested.images);
        }
        let Some(images) = self.own.get() else { anyhow::bail!("the images of the run are gone") };
        let count = images.len();
        let index = u32::try_from(number).ok().filter(|_| number < count);
        let Some(index) = index else {
            anyhow::bail!(
                "{number}: there is no picture of this name, and no image of this number: those of the run are 0 to {}",
                count.saturating_sub(1)
            );
        };
        let single = images.subset(&[index]).map_err(elbo::Error::from)?;
        let image = Images::of(&single, &[0]).map_err(elbo::Error::from)?;
        Ok(Operand { name: format!("image {number}"), image, encoded: self.encode(&single)? })
    }

    fn encode(&self, images: &Dataset) -> Result<Encoded, elbo::Error> {
        match self.class {
            Some(class) => self.vae.encode_as(images, class),
            None => self.vae.encode(images),
        }
    }
}
