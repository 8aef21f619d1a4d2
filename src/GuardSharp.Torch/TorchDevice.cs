using System.Globalization;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>Devices by name, checked before anything is computed.</summary>
internal static class TorchDevice
{
    private const string Cuda = "cuda";

    /// <summary>The device of a name, with libtorch loaded.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c> (the first) or <c>cuda:N</c>.</param>
    /// <exception cref="GuardException">The name is none of these, the device is not there, or libtorch cannot be loaded.</exception>
    public static torch.Device Open(string name)
    {
        var index = IndexOf(name);
        LibTorchFolder.LoadNamed();
        torch.InitializeDeviceType(DeviceType.CPU);
        if (index is not { } wanted)
        {
            return torch.CPU;
        }

        var isAvailable = torch.cuda_is_available();
        Require(name, wanted, isAvailable, isAvailable ? torch.cuda.device_count() : 0, LibTorchFolder.FromEnvironment());
        return new torch.Device(DeviceType.CUDA, wanted);
    }

    /// <summary>The number of a CUDA device's name; null for the CPU.</summary>
    /// <exception cref="GuardException">The name is of another form.</exception>
    public static int? IndexOf(string name) => name switch
    {
        "cpu" => null,
        Cuda => 0,
        _ when name.StartsWith(Cuda + ":", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Cuda.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var index) => index,
        _ => throw new GuardException($"--device is \"{name}\"; it must be cpu, cuda or cuda:N, such as cuda:0."),
    };

    /// <summary>Requires that a CUDA device is there.</summary>
    /// <param name="name">As the user wrote it.</param>
    /// <param name="index">Its number.</param>
    /// <param name="isAvailable">What libtorch says of CUDA.</param>
    /// <param name="devices">How many devices it sees.</param>
    /// <param name="folder">The user's libtorch; null: the one beside the program.</param>
    /// <exception cref="GuardException">It is not.</exception>
    public static void Require(string name, int index, bool isAvailable, int devices, string? folder)
    {
        if (isAvailable && devices > 0)
        {
            if (index >= devices)
            {
                throw new GuardException(
                    $"--device is \"{name}\", but libtorch sees {(devices == 1 ? "1 CUDA device, cuda:0" : $"{devices} CUDA devices, cuda:0 to cuda:{devices - 1}")}. Name one of them, or cpu.");
            }

            return;
        }

        var remedy = folder is null || !LibTorchFolder.HasCuda(folder)
            ? $"Set {LibTorchFolder.Variable} to the folder of a libtorch {LibTorchFolder.Version} built with CUDA, or leave --device out."
            : "Is the driver of the graphics card installed, and does CUDA_VISIBLE_DEVICES hide no device? Else leave --device out.";
        throw new GuardException(
            $"--device is \"{name}\", but {(folder is null ? "the libtorch beside the program" : $"the libtorch in {folder}")} sees no CUDA: {(isAvailable ? "available" : "not available")}, {devices} devices. What is left is cpu. {remedy}");
    }
}
