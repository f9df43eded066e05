//! Codes of whole data sets into files, and back into images.

use super::Vae;
use crate::dataset::class::ClassError;
use crate::dataset::{ImageShape, Part};
use crate::engine::Draw;
use crate::engine::evaluate::for_each_block;
use crate::error::Error;
use crate::files::codes::{Codes, CodesError, CodesKind, CodesOrigin, Head, Layout, OriginPart, write_blocks};
use crate::files::model::{Model, PartImages};
use crate::files::npy;
use crate::noise::{Noise, Purpose};
use crate::storage::write_with;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What a file of codes should hold besides the means.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CodesOptions {
    /// Log-variances too.
    pub logvars: bool,
    /// So many draws from each image's latent distribution.
    pub draws: usize,
    /// The seed of the draws. Those of an image depend on this, on its part of the data set and its place there alone.
    pub seed: u64,
}

/// The number of each class of a part among the classes of all parts; none of those that are too many to count.
type ClassNumbers = Vec<Option<u16>>;

impl Vae {
    /// SHA-256 of the parameters; see [`Model::digest`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn digest(&self) -> Result<String, Error> {
        Ok(Model { card: self.card.clone(), parameters: self.engine.parameters()? }.digest())
    }

    /// Encodes images of a data set called `data`, part by part, into a file of the kind that its name says, which is written
    /// wholly or not at all. `progress` is told how many images are encoded.
    ///
    /// Memory is that of a block of images, or for `.npz` that of all codes.
    ///
    /// # Errors
    /// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read; if a
    /// number of a code is NaN or infinite; and if the file has no place for what is asked for, or cannot be written.
    pub fn write_codes(
        &self,
        path: &Path,
        parts: &[PartImages],
        data: &str,
        options: CodesOptions,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let kind = CodesKind::of(path)?;
        let (head, numbers) = self.head(parts, data, options)?;
        write_blocks::<Error>(path, kind, &head, |put| {
            let mut done = 0;
            for (part, numbers) in parts.iter().zip(&numbers) {
                self.encode_part(part, &head, numbers, options, |codes| {
                    put(codes)?;
                    done += codes.len();
                    progress(done);
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    /// The codes of images of a data set called `data`, part by part.
    ///
    /// # Errors
    /// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read.
    pub fn codes(&self, parts: &[PartImages], data: &str, options: CodesOptions) -> Result<Codes, Error> {
        let (head, numbers) = self.head(parts, data, options)?;
        let mut all = Codes {
            latent_dim: head.layout.latent_dim,
            draws: options.draws,
            classes: head.classes.clone(),
            model: head.model.clone(),
            origin: head.origin.clone(),
            ..Codes::default()
        };
        for (part, numbers) in parts.iter().zip(&numbers) {
            self.encode_part(part, &head, numbers, options, |codes| {
                all.append(codes);
                Ok(())
            })?;
        }
        Ok(all)
    }

    /// Checks that codes are of this model: false if nothing tells which model made them.
    ///
    /// # Errors
    /// [`CodesError`] if they are of another model or another length.
    pub fn check_codes(&self, codes: &Codes) -> Result<bool, Error> {
        Ok(codes.check(&self.digest()?, &self.card)?)
    }

    /// The class of each code, `[N]`, if this is a conditional model, found by name: what [`decode`](Vae::decode) takes beside
    /// the means.
    ///
    /// # Errors
    /// [`CodesError::NoLabel`] if a code has no label; [`ClassError::Unknown`] if the model does not know its class.
    pub fn classes_of(&self, codes: &Codes) -> Result<Option<Vec<u16>>, Error> {
        if self.card.classes.is_empty() {
            return Ok(None);
        }
        let known = &self.card.classes;
        // Few classes, many codes.
        let numbers: Vec<Option<u16>> = codes
            .classes
            .iter()
            .map(|name| known.iter().position(|class| class == name).and_then(|number| u16::try_from(number).ok()))
            .collect();
        let mut classes = Vec::with_capacity(codes.len());
        for row in 0..codes.len() {
            let label = codes.labels.as_ref().and_then(|labels| labels.get(row).copied().flatten());
            let label = usize::from(label.ok_or(CodesError::NoLabel { row })?);
            let number = numbers.get(label).copied().flatten();
            classes.push(number.ok_or_else(|| ClassError::Unknown {
                found: codes.classes.get(label).cloned().unwrap_or_default(),
                classes: known.clone(),
            })?);
        }
        Ok(Some(classes))
    }

    /// Decodes latent vectors, `[N, Z]`, of these classes if the model is conditional, into a `.npy` file: 32-bit floats in
    /// [0, 1], `[N, H, W, C]`, written wholly or not at all. Memory is that of a block of images. `progress` is told how many
    /// are decoded.
    ///
    /// # Errors
    /// As [`decode`](Vae::decode), and if the file cannot be written.
    pub fn write_decoded(
        &self,
        path: &Path,
        latents: &[f32],
        classes: Option<&[u16]>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let dim = self.architecture().latent_dim();
        let ImageShape { height, width, channels } = self.architecture().image();
        let block = self.engine.block();
        let mut failed = None;
        let written = write_with(path, |file| {
            let mut file = BufWriter::new(file);
            file.write_all(&npy::header("<f4", &[latents.len() / dim, height, width, channels]))?;
            for (number, latents) in latents.chunks(block * dim).enumerate() {
                let start = number * block;
                let classes = classes.map(|classes| {
                    let end = classes.len().min(start + block);
                    classes.get(start..end).unwrap_or_default()
                });
                match self.decode(latents, classes) {
                    Ok(images) => images.pixels.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?,
                    Err(error) => {
                        failed = Some(error);
                        return Err(io::Error::other("not decoded"));
                    }
                }
                progress(start + latents.len() / dim);
            }
            file.flush()
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(written?),
        }
    }

    /// What is known before the first image is encoded, and for each part the numbers of its classes among all.
    fn head(
        &self,
        parts: &[PartImages],
        data: &str,
        options: CodesOptions,
    ) -> Result<(Head, Vec<ClassNumbers>), Error> {
        let (mut classes, mut numbers, mut origin): (Vec<String>, Vec<_>, Vec<_>) = Default::default();
        let has_parts = parts.len() > 1 || parts.iter().any(|part| part.is_own);
        for PartImages { part, images, .. } in parts {
            let number = |name: &String| {
                let found = classes.iter().position(|class| class == name).unwrap_or_else(|| {
                    classes.push(name.clone());
                    classes.len() - 1
                });
                u16::try_from(found).ok()
            };
            numbers.push(images.classes().iter().map(number).collect());
            let part = if has_parts { part.to_string() } else { "all".to_owned() };
            origin.push(OriginPart { part, images: images.len(), digest: images.digest()? });
        }
        let model = self.digest()?;
        let seed = (options.draws > 0).then_some(options.seed);
        let origin = CodesOrigin::new(model.clone(), &self.card, data, origin, seed);
        let any = |has: fn(&PartImages) -> bool| parts.iter().any(has);
        let layout = Layout {
            latent_dim: self.architecture().latent_dim(),
            has_names: any(|part| part.images.names().is_some()),
            has_parts,
            has_labels: any(|part| part.images.labels().is_some()),
            has_model: true,
            has_logvars: options.logvars,
            draws: options.draws,
        };
        let images = parts.iter().map(|part| part.images.len()).sum();
        Ok((Head { layout, images, classes, model: Some(model), origin: Some(origin) }, numbers))
    }

    /// Encodes the images of a part, a block at a time. `numbers` are those of its classes among all.
    fn encode_part(
        &self,
        PartImages { part, images, .. }: &PartImages,
        head: &Head,
        numbers: &[Option<u16>],
        options: CodesOptions,
        mut take: impl FnMut(&Codes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let taken = &*self.taken(images)?;
        let Layout { latent_dim, has_names, has_parts, has_labels, .. } = head.layout;
        for_each_block(&*self.engine, taken, |block| {
            let statistics = self.engine.encode(block)?;
            let count = block.indices.len();
            let mut codes = Codes {
                latent_dim,
                draws: options.draws,
                logvars: options.logvars.then(Vec::new),
                parts: has_parts.then(|| vec![*part; count]),
                ..Codes::default()
            };
            for row in statistics.chunks_exact(2 * latent_dim) {
                let (means, logvars) = row.split_at(latent_dim);
                codes.means.extend_from_slice(means);
                if let Some(all) = &mut codes.logvars {
                    all.extend_from_slice(logvars);
                }
            }
            if options.draws > 0 {
                codes.samples = draws(&statistics, block.indices, *part, latent_dim, options);
            }
            let of_block = |index: &u32| *index as usize;
            codes.names = has_names.then(|| {
                let name = |index| images.names().map_or_else(String::new, |names| names[of_block(index)].clone());
                block.indices.iter().map(name).collect()
            });
            codes.labels = has_labels.then(|| {
                let label = |index| images.labels().map(|labels| usize::from(labels[of_block(index)]));
                block.indices.iter().map(|index| label(index).and_then(|label| numbers.get(label).copied()?)).collect()
            });
            take(&codes)
        })
    }
}

/// Draws from the latent distributions of a block, `[N, D, Z]`, whose `statistics` are `[N, 2Z]`.
fn draws(statistics: &[f32], indices: &[u32], part: Part, dim: usize, options: CodesOptions) -> Vec<f32> {
    let CodesOptions { draws, seed, .. } = options;
    let part = match part {
        Part::Training => 0,
        Part::Validation => 1,
        Part::Test => 2,
    };
    let mut samples = vec![0.0; indices.len() * draws * dim];
    for draw in 0..draws {
        let noise = Noise::new(seed, Purpose::Codes, (draw as u64) << 2 | part);
        let latents = Draw::Noise(&noise).latents(statistics, indices, dim);
        for (latent, samples) in latents.chunks_exact(dim).zip(samples.chunks_exact_mut(draws * dim)) {
            samples[draw * dim..][..dim].copy_from_slice(latent);
        }
    }
    samples
}
