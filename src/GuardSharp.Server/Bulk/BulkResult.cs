using System.Text.Json;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Bulk;

/// <summary>The verdict on a message, as it is stored or published.</summary>
/// <param name="Id">The message's id.</param>
/// <param name="Json">UTF-8: <c>{"id", "verdict"}</c>, the verdict as /v1/guard/classify answers it.</param>
internal sealed record BulkResult(string Id, ReadOnlyMemory<byte> Json)
{
    /// <summary>The result of a judgement.</summary>
    public static BulkResult Of(string id, Judgement judgement) =>
        new(id, JsonSerializer.SerializeToUtf8Bytes(new { id, verdict = VerdictBody.Of(judgement) }, ServerJson.Options));
}

/// <summary>Where results go.</summary>
internal interface IResultStore : IAsyncDisposable
{
    /// <summary>Takes a result; completes when it will survive the end of this process and of this machine's power.</summary>
    Task StoreAsync(BulkResult result, CancellationToken cancellationToken);

    /// <summary>Whether a result of this id is known to be there. False may also mean that the store cannot tell.</summary>
    Task<bool> HoldsAsync(string id, CancellationToken cancellationToken);
}
