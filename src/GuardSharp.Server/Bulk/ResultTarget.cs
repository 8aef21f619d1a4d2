namespace GuardSharp.Server.Bulk;

/// <summary>Which kind of place results go to.</summary>
internal enum ResultKind
{
    /// <summary>A queue of the broker.</summary>
    Queue,

    /// <summary>An exchange of the broker.</summary>
    Exchange,

    /// <summary>A SQLite file.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database.</summary>
    Postgres,
}

/// <summary>Where results go, as configuration names it.</summary>
/// <param name="Kind">The kind of place.</param>
/// <param name="Name">Queue, exchange, file or connection string.</param>
internal sealed record ResultTarget(ResultKind Kind, string Name)
{
    /// <summary>Whether results go to the broker itself.</summary>
    public bool IsBroker => Kind is ResultKind.Queue or ResultKind.Exchange;

    /// <summary>Reads <c>kind:name</c>.</summary>
    /// <exception cref="GuardException">It is none.</exception>
    public static ResultTarget Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && colon < text.Length - 1 && Enum.TryParse<ResultKind>(text[..colon], ignoreCase: true, out var kind) && !char.IsAsciiDigit(text[0])
            ? new ResultTarget(kind, text[(colon + 1)..])
            : throw new GuardException($"{WorkerOptions.Section}:Results must be queue:NAME, exchange:NAME, sqlite:FILE or postgres:CONNECTION.");
    }
}
