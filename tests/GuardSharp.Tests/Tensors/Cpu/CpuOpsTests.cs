using System.Runtime.Intrinsics;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>The contract with the widest vectors of this machine.</summary>
public sealed class CpuOpsTests() : TensorOpsContract(new CpuOps(2));

/// <summary>The contract with vectors of 8 (slow but right where the processor has none).</summary>
public sealed class CpuOps256Tests() : TensorOpsContract(new CpuOps(1, new Kernels<Simd256, Vector256<float>>()));

/// <summary>The contract with vectors of 4, which every processor can run.</summary>
public sealed class CpuOps128Tests() : TensorOpsContract(new CpuOps(3, new Kernels<Simd128, Vector128<float>>()));
