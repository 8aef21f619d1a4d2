namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>One set of instructions for dot products with few rows: the weights are read as they are stored, lanes are neighbouring inputs.</summary>
/// <typeparam name="TVector">A vector of float32.</typeparam>
internal unsafe interface IBlockDot<TVector> where TVector : struct
{
    /// <summary>Name for reports.</summary>
    static abstract string Name { get; }

    /// <summary>Whether processor and runtime settings offer it.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>How it takes activations.</summary>
    static abstract ActivationFormat Activations { get; }

    /// <summary>The dot product of a block of 32, still spread over the lanes.</summary>
    /// <param name="block">The weights as stored.</param>
    /// <param name="words">The activations.</param>
    static abstract TVector Products(byte* block, int* words);
}
