using System.Data.Common;

namespace GuardSharp.Server.Audit.Store;

/// <summary>In what the databases differ.</summary>
internal interface ISqlDialect : IAsyncDisposable
{
    /// <summary>The type of a column that numbers rows in the order they come.</summary>
    string Identity { get; }

    /// <summary>The type of floating-point columns.</summary>
    string Real { get; }

    /// <summary>The type of true and false.</summary>
    string Boolean { get; }

    /// <summary>What a writing transaction begins with, so that writers take turns and a commit is on disk; null: nothing is needed.</summary>
    string? Turn { get; }

    /// <summary>A connection, ready for use.</summary>
    /// <exception cref="DbException">The database is away.</exception>
    /// <exception cref="AuditException">It will stay away until configuration changes.</exception>
    ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken);

    /// <summary>Gives up pooled connections: one broke, so others may have.</summary>
    void ForgetConnections();

    /// <summary>Whether the fault lies in what was to be stored, so that it would fail for ever, and not in the store.</summary>
    bool IsFaultOfRow(DbException error);

    /// <summary>Whether a second attempt on a new connection may go well at once.</summary>
    bool IsBrokenConnection(DbException error);
}
