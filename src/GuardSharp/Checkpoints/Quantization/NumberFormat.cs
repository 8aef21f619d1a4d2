namespace GuardSharp.Checkpoints.Quantization;

/// <summary>How a quantised checkpoint stores a weight.</summary>
internal enum NumberFormat
{
    /// <summary>As its source does.</summary>
    Kept,

    /// <summary>A signed byte each, -127 to 127, times a half-precision scale.</summary>
    Int8,

    /// <summary>Four bits each, -8 to 7, times a half-precision scale.</summary>
    Int4,
}
