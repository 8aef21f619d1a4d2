using GuardSharp.Tests.Tensors;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Torch;

/// <summary>What every backend must do, on libtorch.</summary>
public sealed class TorchOpsTests() : TensorOpsContract(new TorchOps());
