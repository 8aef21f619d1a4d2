using System.Data.Common;
using GuardSharp.Server.Audit.Recording;
using Microsoft.Data.Sqlite;

namespace GuardSharp.Server.Audit.Store;

/// <summary>SQLite: one file, write-ahead log, every commit forced to disk.</summary>
internal sealed class SqliteDialect : ISqlDialect
{
    // https://www.sqlite.org/rescode.html
    private const int TooBig = 18;
    private const int Constraint = 19;
    private const int Mismatch = 20;

    private readonly string _path;
    private readonly string _connectionString;

    /// <param name="path">The file.</param>
    /// <param name="timeoutSeconds">How long to wait for other writers.</param>
    public SqliteDialect(string path, int timeoutSeconds)
    {
        _path = Path.GetFullPath(path);
        _connectionString = new SqliteConnectionStringBuilder { DataSource = _path, DefaultTimeout = timeoutSeconds, Pooling = true }.ToString();
    }

    /// <inheritdoc/>
    public string Identity => "INTEGER PRIMARY KEY AUTOINCREMENT";

    /// <inheritdoc/>
    public string Real => "REAL";

    /// <inheritdoc/>
    public string Boolean => "INTEGER";

    /// <inheritdoc/>
    public string? Turn => null;

    /// <inheritdoc/>
    public async ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        MakeFile();
        var connection = new SqliteConnection(_connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            // synchronous=FULL: a commit is on disk before it is done. secure_delete: what retention deletes is overwritten.
            await connection.RunAsync("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;", cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public void ForgetConnections() => SqliteConnection.ClearPool(new SqliteConnection(_connectionString));

    /// <inheritdoc/>
    public bool IsFaultOfRow(DbException error) => error is SqliteException { SqliteErrorCode: TooBig or Constraint or Mismatch };

    /// <inheritdoc/>
    public bool IsBrokenConnection(DbException error) => false;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        // Pooled connections keep the file open.
        ForgetConnections();
        return ValueTask.CompletedTask;
    }

    // SQLite would make it with the process's usual rights; its other files take theirs from it.
    private void MakeFile()
    {
        if (File.Exists(_path))
        {
            return;
        }

        try
        {
            PrivateFile.CreateFolder(Path.GetDirectoryName(_path)!);
            PrivateFile.Create(_path).Dispose();
        }
        catch (IOException) when (File.Exists(_path))
        {
            // Another process was quicker.
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AuditException($"{_path}: the audit's database cannot be made: {error.Message} Name a file in a folder that the server may write.", error);
        }
    }
}
