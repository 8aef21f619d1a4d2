namespace GuardSharp.Tensors;

/// <summary>Makes the operations that a network runs on, and takes its weights over for them.</summary>
/// <param name="weights">The weights as the checkpoint stores them; they stay valid as long as the operations are used.</param>
/// <returns>The operations, which the caller disposes, and the weights as they take them: those given, or a wrapping of them.</returns>
internal delegate (ITensorOps Ops, IWeightSource Weights) TensorBackend(IWeightSource weights);
