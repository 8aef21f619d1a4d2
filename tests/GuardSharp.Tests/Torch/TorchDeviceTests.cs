using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Tests.Torch;

public sealed class TorchDeviceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cpu", null)]
    [InlineData("cuda", 0)]
    [InlineData("cuda:0", 0)]
    [InlineData("cuda:7", 7)]
    public void A_device_has_the_name_that_torch_gives_it(string name, int? index) => Assert.Equal(index, TorchDevice.IndexOf(name));

    [Theory]
    [InlineData("")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:+1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:99999999999")]
    [InlineData("mps")]
    public void Another_name_is_refused(string name) =>
        Assert.Equal($"--device is \"{name}\"; it must be cpu, cuda or cuda:N, such as cuda:0.", Assert.Throws<GuardException>(() => TorchDevice.IndexOf(name)).Message);

    [Fact]
    public void The_processor_is_always_there() => Assert.Equal(DeviceType.CPU, TorchDevice.Open("cpu").type);

    [Fact]
    public void Without_cuda_the_message_says_what_was_seen_and_which_libtorch_is_needed()
    {
        var message = Refusal(0, isAvailable: false, devices: 0, folder: null);
        Assert.Contains("the libtorch beside the program sees no CUDA: not available, 0 devices", message);
        Assert.Contains("What is left is cpu", message);
        Assert.Contains($"Set {LibTorchFolder.Variable} to the folder of a libtorch {LibTorchFolder.Version} built with CUDA", message);
    }

    [Fact]
    public void With_a_libtorch_that_was_built_with_cuda_the_driver_is_asked_for()
    {
        Assert.Contains("built with CUDA", Refusal(0, isAvailable: false, devices: 0, _folder.Path));
        File.WriteAllText(LibTorchFolder.PathOf(_folder.Path, "torch_cuda"), "");
        Assert.Contains("Is the driver of the graphics card installed", Refusal(0, isAvailable: false, devices: 0, _folder.Path));
        Assert.Contains("available, 0 devices", Refusal(0, isAvailable: true, devices: 0, _folder.Path));
    }

    [Fact]
    public void A_number_beyond_the_last_device_is_refused_with_those_there_are()
    {
        TorchDevice.Require("cuda:1", 1, isAvailable: true, devices: 2, folder: null);
        Assert.Contains("libtorch sees 2 CUDA devices, cuda:0 to cuda:1", Refusal(2, isAvailable: true, devices: 2, folder: null));
        Assert.Contains("libtorch sees 1 CUDA device, cuda:0", Refusal(1, isAvailable: true, devices: 1, folder: null));
    }

    [Fact]
    public void The_version_that_messages_name_is_the_one_torchsharp_was_built_for() => Assert.StartsWith(LibTorchFolder.Version + ".", torch.__version__);

    [Fact]
    public void A_folder_is_complete_with_the_files_of_libtorch_in_it_or_in_its_lib()
    {
        Assert.False(LibTorchFolder.IsComplete(_folder.Path));
        var lib = Directory.CreateDirectory(_folder["lib"]).FullName;
        foreach (var library in new[] { "c10", "torch_cpu", "torch" })
        {
            Assert.Contains("has no ", Assert.Throws<GuardException>(() => LibTorchFolder.Require(_folder.Path)).Message);
            File.WriteAllText(LibTorchFolder.PathOf(lib, library), "");
        }

        LibTorchFolder.Require(_folder.Path);
        LibTorchFolder.Require(lib);
        Assert.Equal(LibTorchFolder.PathOf(lib, "torch_cpu"), LibTorchFolder.PathOf(_folder.Path, "torch_cpu"));
    }

    private static string Refusal(int index, bool isAvailable, int devices, string? folder) =>
        Assert.Throws<GuardException>(() => TorchDevice.Require($"cuda:{index}", index, isAvailable, devices, folder)).Message;
}
