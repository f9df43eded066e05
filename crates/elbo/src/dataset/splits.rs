//! The parts of a data set, and where they come from.

use super::{DataOptions, Dataset, DatasetError, load};
#[cfg(feature = "mnist")]
use super::{Depth, ImageShape, Pixels, Preprocessing};
use std::path::Path;

/// A training set and, where there are any, a validation set and a test set of the same shape.
#[derive(Clone, Debug)]
pub struct Splits {
    /// The images to train on.
    pub train: Dataset,
    /// The images to measure while training goes on.
    pub validation: Option<Dataset>,
    /// The images to test with.
    pub test: Option<Dataset>,
    /// What to call the data: `mnist`, or the prefix or directory of its files.
    pub name: String,
}

impl Splits {
    /// The embedded MNIST: 60,000 training and 10,000 test images of 28x28x1 with their digits, in the order of the
    /// original files.
    #[cfg(feature = "mnist")]
    #[must_use]
    pub fn mnist() -> Self {
        let shape = ImageShape { height: elbo_mnist::HEIGHT, width: elbo_mnist::WIDTH, channels: 1 };
        let set = |images, labels: Vec<u8>| Dataset {
            shape,
            depth: Depth::Eight,
            images: Pixels::Memory(images),
            labels: Some(labels.into_iter().map(u16::from).collect()),
            classes: (0..10).map(|digit: u8| digit.to_string()).collect(),
            names: None,
            preprocessing: Preprocessing::UnitScale,
            drawn: None,
        };
        Self {
            train: set(elbo_mnist::train_images(), elbo_mnist::train_labels()),
            validation: None,
            test: Some(set(elbo_mnist::test_images(), elbo_mnist::test_labels())),
            name: "mnist".to_owned(),
        }
    }

    /// Gives both sets the longer list of classes, where these are called by their numbers: one set may lack the last.
    pub(super) fn share_classes(&mut self) {
        if let Some(test) = &mut self.test
            && test.labels.is_some()
            && self.train.labels.is_some()
        {
            let train = &mut self.train;
            let (shorter, longer) =
                if test.classes.len() < train.classes.len() { (test, train) } else { (train, test) };
            shorter.classes.clone_from(&longer.classes);
        }
    }

    /// Reads a data set: IDX files, pictures or arrays.
    ///
    /// # IDX files
    ///
    /// MNIST, Fashion-MNIST, KMNIST, EMNIST and whatever else comes in this format.
    /// `path` is a directory with the files below; or `DIR/PREFIX` for one of several data sets in a directory, as in
    /// `gzip/emnist-letters`; or the path of one of the files, which stands for the set it belongs to.
    ///
    /// | file | | dimensions |
    /// |---|---|---|
    /// | `[PREFIX-]train-images-idx3-ubyte` | required | `[N, H, W]` |
    /// | `[PREFIX-]train-labels-idx1-ubyte` | optional | `[N]` |
    /// | `[PREFIX-]t10k-images-idx3-ubyte` | optional | `[M, H, W]` |
    /// | `[PREFIX-]t10k-labels-idx1-ubyte` | optional | `[M]` |
    ///
    /// Each may end in `.gz` (which the feature `arrays` reads), may have `test` for `t10k`, and a dot for the dash before `idx`. Where a file is there
    /// under several names, `t10k` goes before `test`, a dash before a dot, and the plain file before the one that
    /// ends in `.gz`. Whether a file is compressed is told from its first bytes, not from its name. A class has the
    /// number that its label has in the file, and is called by it.
    ///
    /// Pixels keep the order they have in the file. EMNIST stores its images transposed: a model trained on it sees,
    /// and generates, letters mirrored along the diagonal.
    ///
    /// # Pictures
    ///
    /// With the feature `pictures`, which is on by default:
    /// `path` is a directory with PNG, JPEG, WebP, GIF, BMP or TIFF files at any
    /// depth, or one such file. Of an animation the first frame is taken, or with [`load`] every frame if [`DataOptions::frames`] says so; of a TIFF file all pages, but those that are marked
    /// as reduced copies or masks of others. They are brought to one shape, see [`Preparation`](super::Preparation); which one follows
    /// from the pictures, and with [`load`] from [`DataOptions`].
    ///
    /// Pictures in directories have these as their classes, called by their path, as in `birds/owls`. Where there is a
    /// `train` directory, its pictures are the training set, those of a `val` directory the validation set and those of a
    /// `test` directory the test set, and classes are the directories in these. Where each of the directories has such a
    /// `train` instead, as in sets of anomalies, these are the parts, and classes begin with the names of the
    /// directories. Hidden files and directories are passed over, and what systems, editors and runs leave, and masks of
    /// the pictures beside them ([`PassedOver`](super::PassedOver)). Which files are pictures is told
    /// from their first bytes, and from their names where those say so. Images have the order of their paths.
    ///
    /// More than 2 GiB of images are kept in a file instead of memory, where [`DataOptions::cache`] gives a place for it.
    ///
    /// Up to a tenth of the pictures may be unreadable, and are left out. A picture of more than 20,000 pixels per side
    /// or 512 MiB counts as such, and so does a file that is cut off. Where more pictures are of formats that are not read, such
    /// as HEIC, than of those that are, that is an error unless [`DataOptions::max_bad`] is 1.
    ///
    /// # Arrays
    ///
    /// With the feature `arrays`, which is on by default:
    /// `path` is a `.npy` file of `NumPy`, or a `.npz` file with the arrays `train_images`, `train_labels`, `val_images`,
    /// `val_labels`, `test_images` and `test_labels`, as `MedMNIST` has them, or `x_train`, `y_train` and so on, or only
    /// one array.
    /// Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` of any numbers. Which of these are black and white follows
    /// from all of them, or from [`DataOptions::range`]: 0 and 255 of bytes, 0 and 1 where there is nothing else or where
    /// there are fractions between them, 0 and 4095 of whole numbers that need 12 bits, else the smallest and the largest.
    /// What no byte stands for is held in 16 bits. Where a size is asked for, they are brought to it as pictures are. Labels
    /// are integers or words, `[N]` or `[N, 1]`, or a column for each class; a class has its integer or word as its name.
    ///
    /// More than 2 GiB of images are left in the file, if they are bytes in C order and not compressed; else they are kept in
    /// another one as those of pictures are.
    ///
    /// # Memory
    ///
    /// Memory is taken for what a file holds, never for what its header claims.
    ///
    /// # Errors
    ///
    /// A [`DatasetError`] that names the file and says what is wrong with it.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        Ok(load(path.as_ref(), &DataOptions::default(), &|_, _| {})?.splits)
    }
}

/// A training set alone, called `images`.
impl From<Dataset> for Splits {
    fn from(train: Dataset) -> Self {
        Self { train, validation: None, test: None, name: "images".to_owned() }
    }
}
