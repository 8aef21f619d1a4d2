using System.Diagnostics.CodeAnalysis;

namespace GuardSharp.Tensors;

/// <summary>How the keys and values of attention are kept between passes: the memory of long conversations, policies and pictures.</summary>
public enum KeyValueType
{
    /// <summary>Single precision, 4 bytes a number: nothing is lost.</summary>
    F32,

    /// <summary>Half precision, 2 bytes a number: 11 significant bits, more than the 8 of the bfloat16 that published weights have.</summary>
    F16,

    /// <summary>Whole numbers from -127 to 127, 1 byte a number, with a scale of 4 bytes for each head and position.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the name of the thing.")]
    Int8,
}
