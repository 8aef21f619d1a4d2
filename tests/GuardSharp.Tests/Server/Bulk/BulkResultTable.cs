using Microsoft.Data.Sqlite;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>The table of results, read as somebody else would.</summary>
internal static class BulkResultTable
{
    /// <summary>Results by id.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT id, result FROM guardsharp_results";
        using var reader = command.ExecuteReader();
        var results = new Dictionary<string, string>();
        while (reader.Read())
            results.Add(reader.GetString(0), reader.GetString(1));
        return results;
    }

    /// <summary>How many there are; 0 while there is no table.</summary>
    public static long Count(string path)
    {
        try
        {
            using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly");
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM guardsharp_results";
            return (long)command.ExecuteScalar()!;
        }
        catch (SqliteException)
        {
            return 0;
        }
    }
}
