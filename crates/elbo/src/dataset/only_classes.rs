//! A data set without some of its classes: to train on normal images alone, for example.

use super::{Dataset, DatasetError, Loaded, Note, Splits};

impl Splits {
    /// Leaves the images of these classes in all parts, and none but those; of no classes, all stay. Classes keep their numbers.
    /// A part that has no image of them is gone. Returns how many images are left out.
    ///
    /// # Errors
    /// [`DatasetError::NoClass`] if no part knows one of them, or the training set has no image of any. Nothing is left out
    /// then.
    pub fn keep_classes(&mut self, names: &[String]) -> Result<usize, DatasetError> {
        if names.is_empty() {
            return Ok(0);
        }
        let known = self.train.classes();
        let missing = names.iter().find(|name| !known.contains(name));
        let train = self.train.of_classes(names)?.filter(|_| missing.is_none());
        let Some(train) = train else {
            let found = missing.or(names.first()).cloned().unwrap_or_default();
            return Err(DatasetError::NoClass { name: self.name.clone(), found, classes: known.to_vec() });
        };
        let all = self.images();
        let of = |part: Option<&Dataset>| part.map_or(Ok(None), |part| part.of_classes(names));
        let (validation, test) = (of(self.validation.as_ref())?, of(self.test.as_ref())?);
        (self.train, self.validation, self.test) = (train, validation, test);
        Ok(all - self.images())
    }

    /// Images of all parts.
    fn images(&self) -> usize {
        self.train.len() + [&self.validation, &self.test].into_iter().flatten().map(Dataset::len).sum::<usize>()
    }
}

impl Dataset {
    /// The images of these classes; none if it has none of them.
    fn of_classes(&self, names: &[String]) -> Result<Option<Self>, DatasetError> {
        let is_kept: Vec<bool> = self.classes().iter().map(|name| names.contains(name)).collect();
        let labels = (0..).zip(self.labels().unwrap_or_default());
        let kept: Vec<u32> =
            labels.filter(|(_, label)| is_kept[usize::from(**label)]).map(|(position, _)| position).collect();
        if kept.is_empty() { Ok(None) } else { self.subset(&kept).map(Some) }
    }
}

impl Loaded {
    /// As [`Splits::keep_classes`], with a note of what is left out.
    ///
    /// # Errors
    /// As there.
    pub fn keep_classes(&mut self, names: &[String]) -> Result<(), DatasetError> {
        let left_out = self.splits.keep_classes(names)?;
        if left_out > 0 {
            self.notes.push(Note::OtherClasses { kept: names.to_vec(), left_out });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    fn labelled(labels: &[u16], names: &[&str]) -> Dataset {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let pixels = (0..labels.len()).map(|position| position as u8).collect();
        let classes = names.iter().map(|&name| name.to_owned()).collect();
        Dataset::new(shape, pixels, Some(labels.to_vec())).unwrap().with_classes(classes).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_classes_that_are_asked_for_stay_in_all_parts() {
        let classes = ["cat", "dog", "owl"];
        let splits = Splits {
            train: labelled(&[0, 1, 2, 1, 0], &classes),
            validation: Some(labelled(&[2, 2], &classes)),
            test: Some(labelled(&[1, 2, 0], &classes)),
            name: "pets".to_owned(),
        };
        let mut kept = splits.clone();
        assert_eq!(kept.keep_classes(&names(&["dog", "cat"])).unwrap(), 4);
        assert_eq!(kept.train.labels(), Some(&[0, 1, 1, 0][..]));
        assert_eq!(kept.train.classes(), classes);
        assert!(kept.validation.is_none());
        assert_eq!(kept.test.as_ref().unwrap().labels(), Some(&[1, 0][..]));
        let mut staging = Vec::new();
        assert_eq!(kept.train.gather(&[0, 1, 2, 3], &mut staging).unwrap().pixels, [0, 1, 3, 4]);

        let mut all = splits.clone();
        assert_eq!(all.keep_classes(&[]).unwrap(), 0);
        assert_eq!(all.train.len(), 5);
        let error = all.keep_classes(&names(&["cat", "cow"])).unwrap_err().to_string();
        assert_eq!(error, "pets: there is no class 'cow'; there are cat, dog, owl");
        assert_eq!((all.train.len(), all.test.map(|test| test.len())), (5, Some(3)));
    }

    #[test]
    fn without_labels_there_is_no_class() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let mut splits = Splits::from(Dataset::new(shape, vec![1, 2], None).unwrap());
        let error = splits.keep_classes(&names(&["0"])).unwrap_err().to_string();
        assert_eq!(error, "images: there is no class '0'; the images have no labels");
    }
}
