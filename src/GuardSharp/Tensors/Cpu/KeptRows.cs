namespace GuardSharp.Tensors.Cpu;

/// <summary>Keys, or values, of one head at neighbouring positions, as they are kept.</summary>
/// <param name="numbers">The head's first number at the first position.</param>
/// <param name="type">How numbers are kept.</param>
/// <param name="pitch">Numbers from a position to the next.</param>
/// <param name="scales">The head's scale at the first position, where the type has scales.</param>
/// <param name="scalePitch">Scales from a position to the next.</param>
internal readonly unsafe struct KeptRows(byte* numbers, KeyValueType type, nint pitch, float* scales = null, nint scalePitch = 0)
{
    public KeyValueType Type { get; } = type;

    /// <summary>Numbers from a position to the next.</summary>
    public nint Pitch { get; } = pitch;

    /// <summary>Bytes of a number.</summary>
    public static int SizeOf(KeyValueType type) => type switch
    {
        KeyValueType.F32 => sizeof(float),
        KeyValueType.F16 => sizeof(ushort),
        _ => sizeof(sbyte),
    };

    public byte* Row(int row) => numbers + (row * Pitch * SizeOf(Type));

    public float Scale(int row) => scales[row * scalePitch];
}
