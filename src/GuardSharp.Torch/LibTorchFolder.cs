using System.Runtime.InteropServices;

namespace GuardSharp.Torch;

/// <summary>A libtorch of the user's in place of the one beside the program: how CUDA is had, which no package here brings.</summary>
internal static class LibTorchFolder
{
    /// <summary>Names the folder.</summary>
    public const string Variable = "GUARDSHARP_LIBTORCH";

    /// <summary>What TorchSharp was built for; its native library calls C++ functions of this version.</summary>
    public const string Version = "2.10";

    private static readonly string[] _needed = ["c10", "torch_cpu", "torch"];

    // Each before what needs it.
    private static readonly string[] _order = ["c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"];

    /// <summary>The folder that the environment names, or null.</summary>
    public static string? FromEnvironment() => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;

    /// <summary>Whether a folder's libtorch was built with CUDA.</summary>
    public static bool HasCuda(string folder) => File.Exists(PathOf(folder, "torch_cuda"));

    /// <summary>Whether a folder holds a libtorch.</summary>
    public static bool IsComplete(string folder) => Missing(folder).Count == 0;

    /// <summary>Where a library lies in a folder, be it there or not.</summary>
    /// <param name="folder">The <c>lib</c> folder of libtorch or <c>torch/lib</c> of Python's torch, or the folder that <c>lib</c> lies in, as an archive of libtorch unpacks.</param>
    /// <param name="library">Its name without prefix and ending, such as <c>torch_cpu</c>.</param>
    public static string PathOf(string folder, string library)
    {
        var nested = Path.Combine(folder, "lib");
        return Path.GetFullPath(Path.Combine(File.Exists(Path.Combine(nested, FileOf("torch"))) ? nested : folder, FileOf(library)));
    }

    /// <summary>Loads the libtorch that the environment names, if it names one. Call it before anything of TorchSharp.</summary>
    /// <exception cref="GuardException">The folder or some of its files are missing, the system cannot load them, or this process was not started by <see cref="LibTorchContext.Run"/>.</exception>
    public static void LoadNamed()
    {
        if (FromEnvironment() is not { } folder)
        {
            return;
        }

        Require(folder);
        // Here TorchSharp takes the libtorch beside the program, and a second one would abort the process.
        if (!LibTorchContext.IsCurrent)
        {
            throw new GuardException(
                $"{Variable} is \"{folder}\", but this process can only take the libtorch beside the program. Start guardsharp-lab itself, published as a folder and not as a single file, or unset the variable.");
        }

        foreach (var path in _order.Select(library => PathOf(folder, library)).Where(File.Exists))
        {
            try
            {
                NativeLibrary.Load(path);
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                throw new GuardException(
                    $"{path} cannot be loaded: {error.Message} It must be libtorch {Version} for this system, with the libraries it needs beside it. Name another folder with {Variable}, or unset it.", error);
            }
        }
    }

    /// <summary>Requires that a folder holds a libtorch.</summary>
    /// <exception cref="GuardException">It does not.</exception>
    public static void Require(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new GuardException($"{Variable} is \"{folder}\", but there is no such folder. Name the folder of a libtorch {Version}, or unset it.");
        }

        if (Missing(folder) is { Count: > 0 } missing)
        {
            throw new GuardException(
                $"{Variable} is \"{folder}\", which has no {string.Join(", no ", missing)}. A libtorch {Version} has {string.Join(", ", _needed.Select(FileOf))}, and with CUDA {FileOf("c10_cuda")} and {FileOf("torch_cuda")}. Name its lib folder, or torch/lib of Python's torch, or unset the variable.");
        }
    }

    private static List<string> Missing(string folder) => [.. _needed.Where(library => !File.Exists(PathOf(folder, library))).Select(FileOf)];

    private static string FileOf(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";
}
