using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Server.Audit.Review;

/// <summary>Reading decisions, labelling them and taking them away. All of it needs <see cref="CallerRights.Review"/>.</summary>
internal static class AuditEndpoints
{
    private const string JsonLines = "application/x-ndjson";
    private const int MaxNoteLength = 2000;
    private const int MaxCategories = 64;
    private const long MaxLabelBytes = 64 << 10;

    // Rows that are in memory at a time; with content each may be as large as a request.
    private const int ExportRows = 500;
    private const int ExportRowsWithContent = 8;

    /// <summary>Maps <c>/v1/audit</c>; where nothing is recorded, every path below answers so.</summary>
    public static IEndpointRouteBuilder MapAudit(this IEndpointRouteBuilder routes)
    {
        var audit = routes.MapGroup("/v1/audit").RequireRights(CallerRights.Review).WithTags("audit");
        if (!routes.ServiceProvider.GetRequiredService<AuditOptions>().IsOn)
        {
            audit.Map(RoutePatternFactory.Parse("/{**path}"), _ => throw new ApiException(404, "invalid_request_error", "This server records no decisions. Start it with --audit FILE.db, or configure GuardSharp:Audit.", "audit_off"))
                .ExcludeFromDescription();
            return routes;
        }

        audit.AddEndpointFilter(TellStoreAwayAsync);
        audit.MapGet("/decisions", ListAsync).WithSummary("Decisions, the latest first, page by page").Produces<DecisionPage>();
        audit.MapGet("/decisions/{id}", FindAsync).WithSummary("One decision with its content, where stored, and all its labels").Produces<DecisionView>();
        audit.MapPost("/decisions/{id}/label", LabelAsync).WithSummary("Says whether a verdict was right; the latest label counts").Accepts<LabelRequest>("application/json").Produces<LabelView>();
        audit.MapGet("/gaps", GapsAsync).WithSummary("Decisions that were taken but are not in the store").Produces<GapReport>();
        audit.MapGet("/export", ExportAsync).WithSummary("Decisions as JSON Lines, the earliest first").Produces<DecisionView>(contentType: JsonLines).WithoutDeadline();
        audit.MapGet("/training-rows", TrainingRowsAsync).WithSummary("Labelled decisions with stored content as rows of training data, JSON Lines").Produces<string>(contentType: JsonLines).WithoutDeadline();
        return routes;
    }

    private static async Task<IResult> ListAsync([AsParameters] DecisionFilter filter, IDecisionStore store, CancellationToken cancellationToken)
    {
        var query = filter.Read();
        // One more than asked for tells whether more follow.
        var found = await store.ListAsync(query with { Limit = query.Limit + 1 }, cancellationToken).ConfigureAwait(false);
        var page = found.Take(query.Limit).ToArray();
        var next = found.Count > page.Length ? page[^1].Sequence.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;
        return TypedResults.Json(new DecisionPage([.. page.Select(DecisionView.Of)], next is not null, next), ReviewJson.Default.DecisionPage);
    }

    private static async Task<IResult> FindAsync(string id, IDecisionStore store, CancellationToken cancellationToken)
    {
        var (decision, labels) = await store.FindAsync(id, cancellationToken).ConfigureAwait(false) ?? throw UnknownDecision();
        var view = DecisionView.Of(decision) with { Labels = [.. labels.Select(label => LabelView.Of(label)!)] };
        return TypedResults.Json(view, ReviewJson.Default.DecisionView);
    }

    private static async Task<IResult> LabelAsync(string id, HttpContext context, IDecisionStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = await ReadLabelAsync(context, cancellationToken).ConfigureAwait(false);
        var (decision, _) = await store.FindAsync(id, cancellationToken).ConfigureAwait(false) ?? throw UnknownDecision();
        Check(request, truth: request.Correct == decision.Row.Unsafe);
        var label = new StoredLabel(request.Correct, request.Categories, request.Note, context.GetCaller().Name, time.GetUtcNow());
        return await store.LabelAsync(id, label, cancellationToken).ConfigureAwait(false)
            ? TypedResults.Json(LabelView.Of(label)!, ReviewJson.Default.LabelView)
            : throw UnknownDecision();
    }

    private static async Task<IResult> GapsAsync(IDecisionStore store, RunFolder folder, DecisionQueue queue, StoreLink link, CancellationToken cancellationToken)
    {
        GapView[] gaps = [.. (await store.GapsAsync(cancellationToken).ConfigureAwait(false)).Select(GapView.Of)];
        var open = await store.OpenRunsAsync(cancellationToken).ConfigureAwait(false);
        var state = new RunState(folder.Current.Start.Run, folder.Current.Taken, queue.Count, link.SpillBytes, link.Dropped, link.IsPresent);
        return TypedResults.Json(new GapReport(gaps.Where(gap => gap.Answered).Sum(gap => gap.Count), gaps, open, state), ReviewJson.Default.GapReport);
    }

    private static Task ExportAsync([AsParameters] DecisionFilter filter, HttpContext context, IDecisionStore store, CancellationToken cancellationToken) =>
        StreamAsync(context, store, filter.Read(), DecisionView.Of, ReviewJson.Default.DecisionView, cancellationToken);

    private static Task TrainingRowsAsync([AsParameters] DecisionFilter filter, HttpContext context, IDecisionStore store, CancellationToken cancellationToken) =>
        StreamAsync(
            context, store, filter.Read() with { Labelled = true, WithContent = true, ReadContent = true }, TrainingRow.Of, TrainingJson.Default.TrainingRow, cancellationToken);

    // Page by page, so that neither a long export fills the memory nor a slow reader keeps a transaction open.
    private static async Task StreamAsync<T>(
        HttpContext context, IDecisionStore store, DecisionQuery query, Func<StoredDecision, T> view, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        query = query with { Descending = false, Limit = query.ReadContent ? ExportRowsWithContent : ExportRows };
        var page = await store.ListAsync(query, cancellationToken).ConfigureAwait(false);
        context.Response.ContentType = JsonLines;
        while (page.Count > 0)
        {
            foreach (var decision in page)
            {
                await JsonSerializer.SerializeAsync(context.Response.Body, view(decision), type, cancellationToken).ConfigureAwait(false);
                await context.Response.Body.WriteAsync("\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
            }

            page = await store.ListAsync(query with { Cursor = page[^1].Sequence }, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<LabelRequest> ReadLabelAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (!context.Request.HasJsonContentType())
        {
            throw new ApiException(415, "invalid_request_error", "The body must be JSON, with the header \"Content-Type: application/json\".", "unsupported_media_type");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = MaxLabelBytes;
        }

        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, ReviewJson.Default.LabelRequest, cancellationToken).ConfigureAwait(false)
                ?? throw new JsonException();
        }
        catch (JsonException)
        {
            // The parser's own words may repeat the body.
            throw ApiException.BadRequest("The body must be {\"correct\":true or false, \"categories\":[\"S4\"], \"note\":\"...\"}; the last two may be left out, others are not known.");
        }
    }

    private static void Check(LabelRequest request, bool truth)
    {
        if (request.Note?.Length > MaxNoteLength)
        {
            throw ApiException.BadRequest($"The note has {request.Note.Length} characters; allowed are {MaxNoteLength}.", "note");
        }

        if (request.Categories is not { } codes)
        {
            return;
        }

        if (codes.Count > MaxCategories || codes.Any(code => !DecisionFilter.IsCode(code)) || codes.Distinct(StringComparer.Ordinal).Count() < codes.Count)
        {
            throw ApiException.BadRequest($"categories must be at most {MaxCategories} codes such as S4, all different.", "categories");
        }

        if (!truth && codes.Count > 0)
        {
            throw ApiException.BadRequest("This label says that the content is safe, so no category can be violated. Leave categories out, or change correct.", "categories");
        }
    }

    private static async ValueTask<object?> TellStoreAwayAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (Exception error) when (error is System.Data.Common.DbException or TimeoutException || (error is IOException and not BadHttpRequestException))
        {
            throw new AuditException("The audit store is away, so decisions can be neither read nor labelled. Try again later; the server's log says why.", error);
        }
    }

    private static ApiException UnknownDecision() =>
        new(404, "invalid_request_error", "There is no decision of this id here. It may be older than the retention allows, or still on its way into the store.", "decision_not_found", "id");
}
