namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What the elements of a tensor are; the protocol's words are these in capitals.</summary>
public enum DataType
{
    /// <summary>True or false, one byte: 1 or 0.</summary>
    Bool,

    /// <summary>Whole numbers from 0 to 255.</summary>
    UInt8,

    /// <summary>Whole numbers of 16 bits from 0 on.</summary>
    UInt16,

    /// <summary>Whole numbers of 32 bits from 0 on.</summary>
    UInt32,

    /// <summary>Whole numbers of 64 bits from 0 on.</summary>
    UInt64,

    /// <summary>Whole numbers from -128 to 127.</summary>
    Int8,

    /// <summary>Whole numbers of 16 bits.</summary>
    Int16,

    /// <summary>Whole numbers of 32 bits.</summary>
    Int32,

    /// <summary>Whole numbers of 64 bits.</summary>
    Int64,

    /// <summary>Numbers of 16 bits (IEEE 754 binary16).</summary>
    Fp16,

    /// <summary>Numbers of 32 bits (IEEE 754 binary32).</summary>
    Fp32,

    /// <summary>Numbers of 64 bits (IEEE 754 binary64).</summary>
    Fp64,

    /// <summary>Strings of bytes, each of its own length: texts (UTF-8) or files.</summary>
    Bytes,
}
