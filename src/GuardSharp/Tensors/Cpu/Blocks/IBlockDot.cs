namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>One set of instructions for dot products with few rows: the weights are read as they are stored, lanes are neighbouring inputs.</summary>
/// <remarks>Blocks of 16 bytes hold too little to fill a wide vector, so neighbouring blocks may be read as a group.</remarks>
/// <typeparam name="TVector">A vector of float32.</typeparam>
internal unsafe interface IBlockDot<TVector> where TVector : struct
{
    /// <summary>Name for reports.</summary>
    static abstract string Name { get; }

    /// <summary>Whether processor and runtime settings offer it.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>How it takes activations. A start does not stand before the words but in a list of its own.</summary>
    static abstract ActivationFormat Activations { get; }

    /// <summary>Blocks of a group; in its activations the first 16 inputs of all blocks come first, then the other 16.</summary>
    static abstract int Group { get; }

    /// <summary>The dot product of a block, still spread over the lanes.</summary>
    /// <param name="weights">The block as stored.</param>
    /// <param name="activations">Its activations.</param>
    static abstract TVector One(byte* weights, byte* activations);

    /// <summary>The dot products of the blocks of a group, each spread over its share of the lanes.</summary>
    /// <param name="weights">The blocks as stored.</param>
    /// <param name="pitch">Bytes between two of them.</param>
    /// <param name="activations">Their activations.</param>
    static abstract TVector Several(byte* weights, nint pitch, byte* activations);

    /// <summary>The factors of the blocks of a group, in the lanes that <see cref="Several"/> spreads them over.</summary>
    static abstract TVector Factors(float* factors);
}
