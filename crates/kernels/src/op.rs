//! The list of all ops, and what each must say about itself.

use crate::case::Case;
use crate::launch::{Lowered, Lowering};
use crate::ops;
use crate::{Array, Builder, DType, Layout, OpError, TensorType, Value};
use std::fmt::Debug;

/// The values around one node, as its backward rule sees them.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// What the op read.
    pub inputs: &'a [Value],
    /// What it made.
    pub outputs: &'a [Value],
    /// The gradient of the loss with respect to each output, where there is one; of the output's shape.
    pub grads: &'a [Option<Value>],
}

impl Node<'_> {
    /// The gradient of output 0. A backward rule is called only where some output has a gradient; an op with one
    /// output may rely on this one.
    pub fn grad(&self) -> Value {
        self.grads.iter().flatten().copied().next().unwrap_or(self.outputs[0])
    }
}

/// How an element-wise op computes one element: inlined into whatever kernel it is fused with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A call of a library function with the operands, then these constants as f32.
    Call {
        /// The function's name in the shader library, class suffix included.
        function: String,
        /// Trailing arguments.
        constants: Vec<f32>,
    },
    /// The same value everywhere.
    Constant(f64),
    /// The index along an axis: stride 1 there, 0 elsewhere.
    Index(Layout),
}

/// What an op means. One implementor a file, in the order: struct, `infer`, `lower`, `reference`, `vjp`, cases.
pub trait Kernel: Debug {
    /// The op's name: the stem of its files, its label and its name on the command line.
    fn name(&self) -> &'static str;

    /// The types of the outputs.
    ///
    /// # Errors
    /// Names the op, the operands' shapes and the rule that they break.
    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError>;

    /// The launches for these operands on this adapter: a pure function of facts.
    ///
    /// # Errors
    /// Where a forced variant cannot run. Element-wise ops and views have no launch of their own: they are lowered
    /// through [`ops::Map`] and as layouts.
    fn lower(&self, _facts: &Lowering<'_>) -> Result<Lowered, OpError> {
        Err(OpError::new(self.name(), "is lowered through `map` or as a view, never by itself"))
    }

    /// The outputs in f64, written from the formula. The inputs are contiguous and fit `infer`.
    fn reference(&self, inputs: &[&Array], outputs: &[TensorType]) -> Vec<Array>;

    /// The gradient of each input, in terms of ops; `None` where none flows. A gradient may have the broadcast shape:
    /// the caller sums it down to the input's.
    fn vjp(&self, b: &mut dyn Builder, node: Node<'_>) -> Vec<Option<Value>>;

    /// The variants that can run for these facts, the one chosen first.
    fn variants(&self, _facts: &Lowering<'_>) -> Vec<&'static str> {
        Vec::new()
    }

    /// Whether `lower` can read input `index` laid out like this; otherwise it is copied first.
    fn accepts(&self, _index: usize, layout: &Layout) -> bool {
        layout.is_contiguous()
    }

    /// For a view: the output's layout on the input's buffer, where no copy is needed.
    fn view(&self, _input: &Layout) -> Option<Layout> {
        None
    }

    /// Whether the op only looks at its input differently.
    fn is_view(&self) -> bool {
        false
    }

    /// For an element-wise op: how one element is computed from elements of these types.
    fn scalar(&self, _inputs: &[DType]) -> Option<Scalar> {
        None
    }

    /// The op with a chain through which every output passes before it is stored, where it takes one and has none yet.
    /// The chain's inputs follow the op's own.
    fn with_epilogue(&self, _chain: &ops::Map) -> Option<Op> {
        None
    }

    /// That chain.
    fn epilogue(&self) -> Option<&ops::Map> {
        None
    }

    /// Pairs (output, input) that share memory: the launch finds the input's data in the output's buffer.
    fn aliases(&self) -> &'static [(usize, usize)] {
        &[]
    }
}

/// An entry of the catalogue: how an op is named, described, made from attributes and tested.
pub struct Entry {
    /// The op's name.
    pub name: &'static str,
    /// One line: the formula and where the attributes come from.
    pub about: &'static str,
    /// How the op is made from attributes. Nobody names ops so in a browser, and the code for it is not small.
    #[cfg(not(target_arch = "wasm32"))]
    pub attributes: Attributes,
    /// Its cases.
    pub cases: Vec<Case>,
}

/// What an op can be told as JSON.
#[cfg(not(target_arch = "wasm32"))]
pub struct Attributes {
    /// The attributes with their defaults, as a JSON object.
    pub defaults: serde_json::Value,
    /// An op from attributes; missing ones take their defaults.
    pub parse: Parse,
}

/// Makes an op from its attributes.
#[cfg(not(target_arch = "wasm32"))]
pub type Parse = Box<dyn Fn(&serde_json::Value) -> Result<Op, OpError>>;

impl Entry {
    /// An entry for an op whose attributes are the fields of a serde struct with defaults.
    pub fn new<T>(name: &'static str, about: &'static str, example: &T, cases: Vec<Case>) -> Self
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Into<Op> + 'static,
    {
        #[cfg(target_arch = "wasm32")]
        let _ = example;
        Self {
            name,
            about,
            #[cfg(not(target_arch = "wasm32"))]
            attributes: Attributes::of(name, example),
            cases,
        }
    }

    /// An entry for an op without attributes.
    pub fn unit(name: &'static str, about: &'static str, op: impl Into<Op>, cases: Vec<Case>) -> Self {
        #[cfg(target_arch = "wasm32")]
        let _ = op;
        Self {
            name,
            about,
            #[cfg(not(target_arch = "wasm32"))]
            attributes: Attributes::none(name, op.into()),
            cases,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Attributes {
    fn of<T>(name: &'static str, example: &T) -> Self
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Into<Op> + 'static,
    {
        let defaults = serde_json::to_value(example).unwrap_or_default();
        let base = defaults.clone();
        let parse = move |attrs: &serde_json::Value| {
            let mut merged = base.clone();
            if let (Some(into), Some(from)) = (merged.as_object_mut(), attrs.as_object()) {
                for (key, value) in from {
                    if into.insert(key.clone(), value.clone()).is_none() {
                        let known: Vec<_> = base.as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
                        return Err(OpError::new(name, format!("has no attribute {key:?}; it has {known:?}")));
                    }
                }
            } else if attrs.as_object().is_none_or(|o| !o.is_empty()) && !attrs.is_null() {
                return Err(OpError::new(name, "the attributes must be a JSON object whose keys the op knows"));
            }
            serde_json::from_value::<T>(merged).map(Into::into).map_err(|e| OpError::new(name, format!("attributes: {e}")))
        };
        Self { defaults, parse: Box::new(parse) }
    }

    fn none(name: &'static str, op: Op) -> Self {
        let parse = move |attrs: &serde_json::Value| match attrs.as_object() {
            Some(map) if !map.is_empty() => Err(OpError::new(name, format!("takes no attributes, got {attrs}"))),
            _ => Ok(op.clone()),
        };
        Self { defaults: serde_json::json!({}), parse: Box::new(parse) }
    }
}

/// The registry: one line an op. `Op::kernel` is the only match over all ops.
macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident in $module:ident),* $(,)?) => {
        /// Every op.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Op {
            $($(#[$doc])* $variant(ops::$module::$variant)),*
        }

        impl Op {
            /// What the op says about itself.
            pub fn kernel(&self) -> &dyn Kernel {
                match self { $(Op::$variant(op) => op),* }
            }

            /// The types of the outputs, each small enough for kernels.
            ///
            /// # Errors
            /// Names the op, the operands' shapes and the rule that they break.
            pub fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, OpError> {
                let kernel = self.kernel();
                let outputs = kernel.infer(inputs)?;
                outputs.iter().try_for_each(|ty| ty.shape.addressable(kernel.name()).map(|_| ()))?;
                Ok(outputs)
            }
        }

        $(impl From<ops::$module::$variant> for Op {
            fn from(op: ops::$module::$variant) -> Self { Op::$variant(op) }
        })*

        /// Every op with its attributes and cases, in the order of the registry.
        pub fn catalogue() -> Vec<Entry> {
            let mut all = Vec::new();
            $(all.extend(ops::$module::entries());)*
            all
        }
    };
}

registry! {
    /// One float in, one out.
    Unary in unary,
    /// One float in, one out, with constants.
    Parametric in parametric,
    /// Two operands with broadcasting.
    Binary in binary,
    /// One of two operands by a condition.
    Where in select,
    /// Another element type.
    Cast in cast,
    /// A constant tensor.
    Full in full,
    /// Indices along an axis.
    Iota in iota,
    /// A fused group of element-wise ops.
    Map in map,
    /// The same elements in another shape.
    Reshape in reshape,
    /// The axes in another order.
    Permute in permute,
    /// Stretched to a shape.
    Broadcast in broadcast,
    /// Sum, mean, max or min over axes.
    Reduce in reduce,
    /// Where the largest or smallest element is.
    ArgReduce in arg_reduce,
    /// The largest or smallest elements along an axis.
    TopK in top_k,
    /// Softmax along an axis.
    Softmax in softmax,
    /// Its gradient.
    SoftmaxBackward in softmax_backward,
    /// The logarithm of softmax.
    LogSoftmax in log_softmax,
    /// Softmax and cross-entropy with integer labels.
    CrossEntropy in cross_entropy,
    /// Its gradient.
    CrossEntropyBackward in cross_entropy_backward,
    /// Mean squared error.
    Mse in mse,
    /// Normalisation by the statistics of a batch, a sample or a group of channels.
    Norm in norm,
    /// Its gradient.
    NormBackward in norm_backward,
    /// Matrix product.
    MatMul in matmul,
    /// Convolution of images.
    Conv2d in conv2d,
    /// Its transpose.
    ConvTranspose2d in conv_transpose2d,
    /// The gradient of a convolution by its weights.
    Conv2dWeightGrad in conv2d_weight_grad,
    /// The largest value of each window.
    MaxPool2d in max_pool2d,
    /// Its gradient.
    MaxPool2dBackward in max_pool2d_backward,
    /// The mean of each window.
    AvgPool2d in avg_pool2d,
    /// Its gradient.
    AvgPool2dBackward in avg_pool2d_backward,
    /// The mean of windows that share an image out.
    AdaptiveAvgPool2d in adaptive_avg_pool2d,
    /// Its gradient.
    AdaptiveAvgPool2dBackward in adaptive_avg_pool2d_backward,
    /// Images in another size.
    Interpolate in interpolate,
    /// Its gradient.
    InterpolateBackward in interpolate_backward,
    /// A strided window.
    Slice in slice,
    /// A window put back into zeros.
    SliceBackward in slice_backward,
    /// A border.
    Pad in pad,
    /// The gradient of a border that shows what is inside.
    PadBackward in pad_backward,
    /// Tensors joined along an axis.
    Concat in concat,
    /// Rows by index.
    Gather in gather,
    /// Rows added up by index.
    ScatterAdd in scatter_add,
    /// Indices as rows of zeros with a single one.
    OneHot in one_hot,
    /// Uniform random numbers.
    RandomUniform in random_uniform,
    /// Normal random numbers.
    RandomNormal in random_normal,
    /// Random elements set to 0, the others scaled up.
    Dropout in dropout,
    /// The mask of dropout.
    DropoutMask in dropout_mask,
    /// A step of stochastic gradient descent.
    Sgd in sgd,
    /// A step of Adam or AdamW.
    Adam in adam,
    /// A step of RMSprop.
    RmsProp in rmsprop,
    /// A step of Lion.
    Lion in lion,
}

/// An op by name and attributes.
///
/// # Errors
/// Where no op has the name (the nearest names are given) or an attribute is unknown or of the wrong type.
#[cfg(not(target_arch = "wasm32"))]
pub fn parse(name: &str, attrs: &serde_json::Value) -> Result<Op, OpError> {
    let catalogue = catalogue();
    match catalogue.iter().find(|e| e.name == name) {
        Some(entry) => (entry.attributes.parse)(attrs),
        None => {
            let names: Vec<_> = catalogue.iter().map(|e| e.name).collect();
            Err(OpError::new(name, format!("no such op; there are {}", names.join(", "))))
        }
    }
}
