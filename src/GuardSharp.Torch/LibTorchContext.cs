using System.Reflection;
using System.Runtime.Loader;

namespace GuardSharp.Torch;

/// <summary>Runs a program with the libtorch of another folder: the program's assemblies once more, in a context that knows where libtorch is.</summary>
/// <remarks>
/// TorchSharp loads libtorch by name when it is first touched, and the runtime looks beside the program before anywhere else.
/// Only the load context of the asking assembly is asked earlier, and the default one cannot be told anything.
/// </remarks>
internal sealed class LibTorchContext : AssemblyLoadContext
{
    private const string ContextName = "GuardSharp with another libtorch";

    private readonly string _folder;
    private readonly AssemblyDependencyResolver _program;

    private LibTorchContext(string folder, string program)
        : base(ContextName)
    {
        _folder = folder;
        _program = new AssemblyDependencyResolver(program);
    }

    /// <summary>Whether this code runs in such a context. By name: the context that made it has a LibTorchContext type of its own.</summary>
    public static bool IsCurrent => GetLoadContext(typeof(LibTorchContext).Assembly)?.Name == ContextName;

    /// <summary>Runs the program again where the environment names a libtorch.</summary>
    /// <param name="program">The assembly with the entry point.</param>
    /// <param name="args">The arguments of the process.</param>
    /// <returns>The exit code; null: this is the run to go on with, because no libtorch is named, or none that can be taken (the command says so), or this is the second run.</returns>
    public static int? Run(Assembly program, string[] args)
    {
        // An assembly in a single-file program has no location to be loaded from again.
        if (IsCurrent || LibTorchFolder.FromEnvironment() is not { } folder || !LibTorchFolder.IsComplete(folder) || program.Location.Length == 0)
        {
            return null;
        }

        var again = new LibTorchContext(folder, program.Location).LoadFromAssemblyPath(program.Location);
        return (int)again.EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [args], null)!;
    }

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // TorchSharp and what knows it; all else, the framework of a self-contained program above all, stays the first run's.
        var isOurs = assemblyName.Name is { } name && (name.StartsWith("GuardSharp", StringComparison.Ordinal) || name.StartsWith("TorchSharp", StringComparison.Ordinal));
        return isOurs && _program.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;
    }

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        // TorchSharp's own library stays the one beside the program: the system's loader finds what it needs by name among what is loaded.
        var path = LibTorchFolder.PathOf(_folder, unmanagedDllName);
        path = File.Exists(path) && unmanagedDllName.Contains("torch_", StringComparison.Ordinal) ? path : _program.ResolveUnmanagedDllToPath(unmanagedDllName);
        return path is null ? 0 : LoadUnmanagedDllFromPath(path);
    }
}
