using System.CommandLine;
using GuardSharp.Tensors;

namespace GuardSharp.CommandLine;

/// <summary>The options by which an executable with more than one backend lets its user choose what computes.</summary>
internal interface IBackendOptions
{
    /// <summary>Adds the options to a command.</summary>
    void AddTo(Command command);

    /// <summary>The backend that was named.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="threads">Threads of its kernels; 0: its default.</param>
    /// <param name="keyValues">How its caches keep keys and values; null: its default.</param>
    /// <exception cref="GuardException">There is no such backend, or this machine cannot run it.</exception>
    TensorBackend Read(ParseResult parsed, int threads, KeyValueType? keyValues = null);
}
