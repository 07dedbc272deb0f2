namespace DiffeoNN.Onnx.Gradients;

/// <summary>Checks a node's inputs and attributes by the row of its operator.</summary>
internal static class OperatorForms
{
    /// <summary>What attributes of ai.onnx hold, by name, where an operator's row says nothing else.</summary>
    private static readonly Dictionary<string, OnnxAttributeKind> Attributes = BuildAttributes();

    /// <summary>Checks a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="row">The row of its operator.</param>
    /// <param name="version">Version of its operator set.</param>
    /// <exception cref="OnnxModelException">Inputs or attributes are missing, too many, or of the wrong kind.</exception>
    public static void Check(OnnxNode node, OperatorDefinition row, int version)
    {
        if (row.Takes is not { } count)
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
            var kind = Expected(row, attribute.Name, version);
            if (kind is not null && attribute.Kind != kind && !IsEmptyList(attribute, kind.Value))
                throw new OnnxModelException($"{node} has attribute '{attribute.Name}' that holds {attribute.Kind}; {kind} was expected.");
            if (attribute.Kind is < OnnxAttributeKind.Undefined or > OnnxAttributeKind.Types
                || (attribute.Value is Proto.AttributeProto && kind is not null && !IsEmptyList(attribute, kind.Value)))
                throw new OnnxModelException($"{node} has attribute '{attribute.Name}' without a value of its kind {attribute.Kind}.");
        }

        foreach (var attribute in row.Attributes.Where(
            a => a.IsRequired && a.Holds(version) && !node.Attributes.ContainsKey(a.Name)))
            throw new OnnxModelException($"{node} lacks its attribute '{attribute.Name}'.");
    }

    /// <summary>Empty lists are written without a kind by some exporters.</summary>
    private static bool IsEmptyList(OnnxAttribute attribute, OnnxAttributeKind kind) =>
        attribute.Kind == OnnxAttributeKind.Undefined
            && kind is OnnxAttributeKind.Ints or OnnxAttributeKind.Floats or OnnxAttributeKind.Strings;

    private static OnnxAttributeKind? Expected(OperatorDefinition row, string attribute, int version) =>
        row.Attributes.FirstOrDefault(a => a.Name == attribute && a.Kind is not null && a.Holds(version))?.Kind
            ?? (row.Domain.Length == 0 && Attributes.TryGetValue(attribute, out var kind) ? kind : null);

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
