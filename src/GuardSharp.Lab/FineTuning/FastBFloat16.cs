using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning;

/// <summary>Whether a device computes products of bfloat16 faster than of float32.</summary>
internal static class FastBFloat16
{
    // CPUID leaf 7: AVX512_BF16 is bit 5 of EAX in subleaf 1, AMX-BF16 bit 22 of EDX in subleaf 0 (Intel SDM, volume 2A).
    private const int Leaf = 7;
    private const int AvxBit = 1 << 5;
    private const int AmxBit = 1 << 22;

    /// <summary>Graphics cards do; a processor does with AVX512-BF16 or AMX, and is tens of times slower without.</summary>
    public static bool On(torch.Device device) => device.type == DeviceType.CUDA
        || (X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= Leaf && ((X86Base.CpuId(Leaf, 0).Edx & AmxBit) != 0 || (X86Base.CpuId(Leaf, 1).Eax & AvxBit) != 0));
}
