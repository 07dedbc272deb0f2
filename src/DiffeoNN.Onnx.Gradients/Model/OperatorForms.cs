namespace DiffeoNN.Onnx.Gradients;

/// <summary>How many inputs the operators of ai.onnx take, over all versions, and what their attributes hold.</summary>
internal static class OperatorForms
{
    private const int Any = int.MaxValue;

    private static readonly Dictionary<string, (int Least, int Most)> Inputs = BuildInputs();

    private static readonly Dictionary<string, OnnxAttributeKind> Attributes = BuildAttributes();

    /// <summary>Attributes that an operator cannot do without, and the versions of which that is true.</summary>
    private static readonly Dictionary<string, (string Attribute, int First, int Last)[]> Required = new(StringComparer.Ordinal)
    {
        ["Cast"] = [("to", 1, Any)],
        ["Concat"] = [("axis", 4, Any)],
        ["AveragePool"] = [("kernel_shape", 1, Any)],
        ["MaxPool"] = [("kernel_shape", 1, Any)],
        ["MaxUnpool"] = [("kernel_shape", 9, Any)],
        ["LpPool"] = [("kernel_shape", 2, Any)],
        ["DepthToSpace"] = [("blocksize", 1, Any)],
        ["SpaceToDepth"] = [("blocksize", 1, Any)],
        ["LRN"] = [("size", 1, Any)],
        ["Einsum"] = [("equation", 12, Any)],
        ["If"] = [("then_branch", 1, Any), ("else_branch", 1, Any)],
        ["Loop"] = [("body", 1, Any)],
        ["Scan"] = [("body", 8, Any)],
        ["Slice"] = [("starts", 1, 9), ("ends", 1, 9)],
        ["TopK"] = [("k", 1, 9)],
        ["Pad"] = [("pads", 2, 10)],
        ["Upsample"] = [("scales", 7, 8)],
        ["Unsqueeze"] = [("axes", 1, 12)],
        ["Reshape"] = [("shape", 1, 4)],
        ["GroupNormalization"] = [("num_groups", 18, Any)],
    };

    /// <summary>Checks a node; operators that are not known here pass.</summary>
    /// <exception cref="OnnxModelException">Inputs or attributes are missing, too many, or of the wrong kind.</exception>
    public static void Check(OnnxNode node, int opset)
    {
        if (!Inputs.TryGetValue(node.OpType, out var count))
            return;
        if (node.Inputs.Count > count.Most)
            throw new OnnxModelException($"{node} has {node.Inputs.Count} inputs; at most {count.Most} were expected.");
        for (var i = 0; i < count.Least; i++)
        {
            if (node.Input(i).Length == 0)
                throw new OnnxModelException($"{node} lacks input {i}; {count.Least} were expected.");
        }

        foreach (var attribute in node.Attributes.Values.Where(a => a.Reference is null))
        {
            var kind = Expected(node.OpType, attribute.Name, opset);
            if (kind is not null && attribute.Kind != kind && !IsEmptyList(attribute, kind.Value))
                throw new OnnxModelException($"{node} has attribute '{attribute.Name}' that holds {attribute.Kind}; {kind} was expected.");
            if (attribute.Kind is < OnnxAttributeKind.Undefined or > OnnxAttributeKind.Types
                || (attribute.Value is Proto.AttributeProto && kind is not null && !IsEmptyList(attribute, kind.Value)))
                throw new OnnxModelException($"{node} has attribute '{attribute.Name}' without a value of its kind {attribute.Kind}.");
        }

        if (!Required.TryGetValue(node.OpType, out var required))
            return;
        foreach (var (attribute, _, _) in required.Where(
            r => opset >= r.First && opset <= r.Last && !node.Attributes.ContainsKey(r.Attribute)))
            throw new OnnxModelException($"{node} lacks its attribute '{attribute}'.");
    }

    /// <summary>Empty lists are written without a kind by some exporters.</summary>
    private static bool IsEmptyList(OnnxAttribute attribute, OnnxAttributeKind kind) =>
        attribute.Kind == OnnxAttributeKind.Undefined
            && kind is OnnxAttributeKind.Ints or OnnxAttributeKind.Floats or OnnxAttributeKind.Strings;

    private static OnnxAttributeKind? Expected(string opType, string attribute, int opset) => (opType, attribute) switch
    {
        ("Pad", "value") => OnnxAttributeKind.Float,
        ("Cast", "to") when opset < 6 => OnnxAttributeKind.String,
        ("LpPool" or "GlobalLpPool", "p") when opset < 2 => OnnxAttributeKind.Float,
        ("LpPool" or "GlobalLpPool" or "LpNormalization", "p") => OnnxAttributeKind.Int,
        ("ImageScaler", "bias") => OnnxAttributeKind.Floats,
        ("Scale" or "ImageScaler", "scale") => OnnxAttributeKind.Float,
        ("MaxUnpool" or "Crop", _) when attribute == "scale" => OnnxAttributeKind.Ints,
        ("RNN" or "GRU" or "LSTM", "activation_alpha" or "activation_beta") => OnnxAttributeKind.Floats,
        ("Attention", "scale") => OnnxAttributeKind.Float,
        _ => Attributes.TryGetValue(attribute, out var kind) ? kind : null,
    };

    private static Dictionary<string, (int, int)> BuildInputs()
    {
        var result = new Dictionary<string, (int, int)>(StringComparer.Ordinal);
        void Add(int least, int most, string operators)
        {
            foreach (var name in operators.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                result[name] = (least, most);
        }

        Add(0, 0, "Constant RandomNormal RandomUniform");
        Add(1, 1, """
            Abs Acos Acosh Affine ArgMax ArgMin Asin Asinh Atan Atanh AveragePool Bernoulli BitwiseNot Cast Ceil Celu ConstantOfShape Cos
            Cosh DepthToSpace Det Elu Erf Exp EyeLike
            """.ReplaceLineEndings(" "));
        Add(1, 1, "Flatten Floor Gelu GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax Identity If ImageScaler "
            + "IsInf IsNaN LRN LeakyRelu Log LogSoftmax");
        Add(1, 1, "LpNormalization LpPool MaxPool MeanVarianceNormalization Mish Multinomial Neg NonZero Not ParametricSoftplus "
            + "RandomNormalLike RandomUniformLike Reciprocal Relu Round");
        Add(1, 1, "Scale ScaledTanh Selu Shape Shrink Sigmoid Sign Sin Sinh Size Softmax Softplus Softsign SpaceToDepth Sqrt Swish Tan "
            + "Tanh ThresholdedRelu Transpose");
        Add(1, 2, "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare "
            + "Reshape Split Squeeze TopK Trilu Unsqueeze Upsample");
        Add(1, 3, "Clip DFT Dropout");
        Add(1, 4, "Pad Resize");
        Add(1, 5, "Slice");
        Add(1, Any, "Concat Einsum Max Mean Min Sum");
        Add(2, 2, "Add AffineGrid And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike CenterCropPad Compress CumProd CumSum Div Equal "
            + "Expand Gather GatherElements GatherND Greater");
        Add(2, 2,
            "GreaterOrEqual GridSample Less LessOrEqual MatMul MaxRoiPool Mod Mul Or PRelu Pow RMSNormalization ReverseSequence Sub Xor");
        Add(2, 3, "Conv ConvTranspose DequantizeLinear Gemm LayerNormalization MaxUnpool NegativeLogLikelihoodLoss QuantizeLinear "
            + "SoftmaxCrossEntropyLoss TensorScatter Tile");
        Add(0, Any, "Loop Scan");
        Add(3, 3, "Col2Im GroupNormalization InstanceNormalization OneHot Range RoiAlign Scatter ScatterElements ScatterND Where");
        Add(3, 4, "RotaryEmbedding");
        Add(3, 6, "GRU RNN");
        Add(3, 7, "Attention");
        Add(3, 8, "LSTM");
        Add(5, 5, "BatchNormalization");
        return result;
    }

    private static Dictionary<string, OnnxAttributeKind> BuildAttributes()
    {
        var result = new Dictionary<string, OnnxAttributeKind>(StringComparer.Ordinal);
        void Add(OnnxAttributeKind kind, string names)
        {
            foreach (var name in names.Split(' '))
                result[name] = kind;
        }

        Add(OnnxAttributeKind.Int, "axis keepdims group ceil_mode count_include_pad blocksize transA transB batch_dims k largest sorted to "
            + "dtype hidden_size input_forget layout linear_before_reset storage_order noop_with_empty_axes allowzero num_outputs "
            + "num_groups spatial is_test broadcast align_corners exclude_outside antialias "
            + "select_last_index training_mode exclusive reverse batch_axis time_axis fmod size upper inverse "
            + "onesided ignore_index is_causal q_num_heads kv_num_heads num_heads interleaved rotary_embedding_dim stash_type "
            + "sampling_ratio output_height output_width num_scan_inputs start end value_int");
        Add(OnnxAttributeKind.Float, "alpha beta gamma epsilon momentum ratio lambd clip spatial_scale cubic_coeff_a extrapolation_value "
            + "softcap value_float min max mean height_scale width_scale");
        Add(OnnxAttributeKind.String, "auto_pad mode direction coordinate_transformation_mode nearest_mode padding_mode reduction equation "
            + "approximate keep_aspect_ratio_policy value_string");
        Add(OnnxAttributeKind.Ints, "axes perm strides pads dilations kernel_shape output_padding output_shape starts ends split shape "
            + "pooled_shape paddings consumed_inputs value_ints");
        Add(OnnxAttributeKind.Floats, "scales value_floats");
        Add(OnnxAttributeKind.Strings, "activations value_strings");
        Add(OnnxAttributeKind.Tensor, "value");
        Add(OnnxAttributeKind.Graph, "then_branch else_branch body");
        return result;
    }
}
